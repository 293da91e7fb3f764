internal import COpenSSL
internal import IPsecModel

/// One EVP_PKEY: freed, and its private value wiped, when the owner lets go.
@safe private struct KeyHandle: ~Copyable {
    // SAFETY: owned by this value alone; it does not leave this file.
    let pointer: OpaquePointer

    /// Takes over `pointer`; nil is the failure of `operation`.
    init(adopting pointer: OpaquePointer?, _ operation: String) throws(CryptoFault) {
        // SAFETY: the caller has just made it and gives it up.
        guard let pointer = unsafe pointer else { throw .library(operation) }
        unsafe self.pointer = pointer
    }

    deinit {
        // SAFETY: nobody else holds the pointer.
        unsafe EVP_PKEY_free(self.pointer)
    }
}

/// One EVP_PKEY_CTX.
@safe private struct OperationHandle: ~Copyable {
    // SAFETY: owned by this value alone; it does not leave this file.
    let pointer: OpaquePointer

    /// An operation that makes keys of a type.
    init(keyType: String) throws(CryptoFault) {
        // SAFETY: the name is lent for the call; what it returns is ours, and `deinit` frees it.
        guard let pointer = unsafe EVP_PKEY_CTX_new_from_name(nil, keyType, nil) else {
            throw .library("EVP_PKEY_CTX_new_from_name")
        }
        unsafe self.pointer = pointer
    }

    /// An operation on `key`, of which it takes a reference.
    init(_ key: borrowing KeyHandle) throws(CryptoFault) {
        // SAFETY: the call takes a reference to the key; what it returns is ours, and `deinit` frees it.
        guard let pointer = unsafe EVP_PKEY_CTX_new_from_pkey(nil, key.pointer, nil) else {
            throw .library("EVP_PKEY_CTX_new_from_pkey")
        }
        unsafe self.pointer = pointer
    }

    deinit {
        // SAFETY: nobody else holds the pointer.
        unsafe EVP_PKEY_CTX_free(self.pointer)
    }
}

/// A private value with its public one, as the library holds them.
///
/// Public values are here in the library's encoding: as on the wire, except for ECP, where 0x04 precedes x | y.
@safe final class PrivateKey {
    private let group: KeyExchangeGroup
    private let key: KeyHandle

    /// A fresh key of `group`.
    ///
    /// For MODP the library draws exponents of twice the group's strength: at least 225, 275 and 325 bits.
    init(generatedIn group: KeyExchangeGroup) throws(CryptoFault) {
        let operation = try OperationHandle(keyType: group.keyType)
        // SAFETY: `operation` holds its pointer to the end of this function.
        guard unsafe EVP_PKEY_keygen_init(operation.pointer) == 1 else {
            throw .library("EVP_PKEY_keygen_init")
        }
        if let name = group.groupName {
            // SAFETY: the call copies the name.
            guard unsafe EVP_PKEY_CTX_set_group_name(operation.pointer, name) == 1 else {
                throw .library("EVP_PKEY_CTX_set_group_name")
            }
        }
        var generated: OpaquePointer?
        // SAFETY: the call stores a key that is ours from then on.
        let result = unsafe EVP_PKEY_generate(operation.pointer, &generated)
        let key = unsafe try KeyHandle(adopting: generated, "EVP_PKEY_generate")
        guard result == 1 else { throw .library("EVP_PKEY_generate") }
        self.group = group
        self.key = key
    }

    /// The key of `group` in a PKCS #8 structure: for known answers, which a fresh key cannot give.
    init(_ group: KeyExchangeGroup, pkcs8: [UInt8]) throws(CryptoFault) {
        // SAFETY: the call reads `count` bytes of the array that we lend, and what it returns is ours.
        let decoded = unsafe pkcs8.withUnsafeBufferPointer { bytes in
            var start = bytes.baseAddress
            return unsafe d2i_AutoPrivateKey_ex(nil, &start, bytes.count, nil, nil)
        }
        self.key = unsafe try KeyHandle(adopting: decoded, "d2i_AutoPrivateKey_ex")
        self.group = group
    }

    /// Our public value.
    func encodedPublicValue() throws(CryptoFault) -> [UInt8] {
        var bytes: UnsafeMutablePointer<UInt8>?
        // SAFETY: the call allocates `count` bytes, which are ours until `CRYPTO_free`.
        let count = unsafe EVP_PKEY_get1_encoded_public_key(self.key.pointer, &bytes)
        guard count > 0, let start = unsafe bytes else { throw .library("EVP_PKEY_get1_encoded_public_key") }
        defer { unsafe CRYPTO_free(start, #file, #line) }
        return unsafe Array(UnsafeBufferPointer(start: start, count: count))
    }

    /// The group's prime in network byte order; only for MODP.
    func prime() throws(CryptoFault) -> [UInt8] {
        var number: OpaquePointer?
        // SAFETY: the call stores a number that is ours until `BN_free`.
        guard unsafe EVP_PKEY_get_bn_param(self.key.pointer, OSSL_PKEY_PARAM_FFC_P, &number) == 1 else {
            throw .library("EVP_PKEY_get_bn_param")
        }
        defer { unsafe BN_free(number) }
        var bytes = [UInt8](repeating: 0, count: self.group.publicLength)
        // SAFETY: the call writes `count` bytes or fails.
        let written = unsafe bytes.withUnsafeMutableBufferPointer { pointer in
            unsafe BN_bn2binpad(number, pointer.baseAddress, Int32(pointer.count))
        }
        guard Int(written) == self.group.publicLength else { throw .library("BN_bn2binpad") }
        return bytes
    }

    /// The shared secret with `peerValue`, as long as the group says.
    func sharedSecret(with peerValue: [UInt8]) throws(CryptoFault) -> SecretBytes {
        let peer = try self.importPeer(peerValue)
        let operation = try OperationHandle(self.key)
        // SAFETY: `operation` and `peer` hold their pointers to the end of this function.
        guard unsafe EVP_PKEY_derive_init(operation.pointer) == 1 else {
            throw .library("EVP_PKEY_derive_init")
        }
        // RFC 7296 §2.14: g^ir is "padded with zeros if necessary to make it the length of the modulus".
        // SAFETY: as above.
        guard unsafe self.group.family != .modp || EVP_PKEY_CTX_set_dh_pad(operation.pointer, 1) == 1 else {
            throw .library("EVP_PKEY_CTX_set_dh_pad")
        }
        // The library's own check (the last argument) would raise to the power of the subgroup's order, which
        // costs seven times the exchange and which RFC 6989 does not ask for with fresh keys.
        // SAFETY: as above.
        guard unsafe EVP_PKEY_derive_set_peer_ex(operation.pointer, peer.pointer, 0) == 1 else {
            throw .library("EVP_PKEY_derive_set_peer_ex")
        }
        return try self.derive(operation)
    }

    /// Makes `value` a key of our group; the library refuses points that are not on the curve.
    private func importPeer(_ value: [UInt8]) throws(CryptoFault) -> KeyHandle {
        // SAFETY: `peer` takes over the new key, and `self` holds ours.
        let peer = try unsafe KeyHandle(adopting: EVP_PKEY_new(), "EVP_PKEY_new")
        guard unsafe EVP_PKEY_copy_parameters(peer.pointer, self.key.pointer) == 1 else {
            throw .library("EVP_PKEY_copy_parameters")
        }
        // SAFETY: the call copies `count` bytes of the array that we lend.
        let imported = unsafe value.withUnsafeBufferPointer { pointer in
            unsafe EVP_PKEY_set1_encoded_public_key(peer.pointer, pointer.baseAddress, pointer.count)
        }
        guard imported == 1 else {
            throw .invalidPublicValue(reason: drainErrorQueue().joined(separator: "; "))
        }
        guard self.group.family == .ecp else { return peer }
        // RFC 6989 §2.3: coordinates within 0 … p−1, on the curve, not infinity. These curves have no
        // subgroups, so that is all.
        let check = try OperationHandle(peer)
        // SAFETY: `check` holds its pointer to the end of this function.
        guard unsafe EVP_PKEY_public_check_quick(check.pointer) == 1 else {
            throw .invalidPublicValue(reason: drainErrorQueue().joined(separator: "; "))
        }
        return peer
    }

    private func derive(_ operation: borrowing OperationHandle) throws(CryptoFault) -> SecretBytes {
        var written = self.group.secretLength
        var result: Int32 = 0
        // SAFETY: `written` tells the library how much room there is.
        let secret = SecretBytes(count: written) { span in
            result = unsafe span.withUnsafeMutableBufferPointer { pointer in
                unsafe EVP_PKEY_derive(operation.pointer, pointer.baseAddress, &written)
            }
        }
        if result != 1, self.group.family == .montgomery {
            // Any bytes are a point here, so what fails is the rule against a zero result (RFC 8031 §5).
            throw .invalidPublicValue(reason: drainErrorQueue().joined(separator: "; "))
        }
        guard result == 1, written == self.group.secretLength else { throw .library("EVP_PKEY_derive") }
        return secret
    }
}
