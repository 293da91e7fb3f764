package import IPsecModel

/// A key exchange that an answer needs: a fresh key pair of ours, and the secret with the public value of the peer.
///
/// It is most of what an IKE_SA_INIT request costs its responder: tens of microseconds with x25519, milliseconds with large MODP
/// groups. So the engine leaves it to whoever drives it, who may have another processor core for it.
package struct KeyAgreementRequest: Sendable {
    /// Ties the result to the request.
    package let requestID: UInt64
    /// The method that both sides agreed on.
    package let method: KeyExchangeMethod
    /// The public value of the peer, as it stands in its KE payload and not checked yet.
    package let peerValue: [UInt8]

    /// Does it, on the calling thread.
    package func perform(_ crypto: some KeyExchangeSource) -> Result<KeyAgreement, CryptoFault> {
        do throws(CryptoFault) {
            let exchange = try crypto.keyExchange(self.method)
            let secret = try exchange.sharedSecret(with: self.peerValue[...])
            return .success(KeyAgreement(publicValue: exchange.publicValue, sharedSecret: secret))
        } catch {
            return .failure(error)
        }
    }
}

/// What a key exchange gives.
package struct KeyAgreement: Sendable {
    /// Our public value as it stands in the KE payload.
    let publicValue: [UInt8]
    /// g^ir (RFC 7296 §2.14).
    let sharedSecret: SecretBytes
}
