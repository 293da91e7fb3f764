/// Notify message types (RFC 7296 §3.10.1 and the IANA registries that extend it).
///
/// An open type: an unknown number is a value like any other. Unknown errors end the exchange, unknown status
/// types are ignored.
package struct NotifyType: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// The number on the wire.
    package let rawValue: UInt16
    /// The type with the number `rawValue`.
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// True for error types; the others tell a status.
    package var isError: Bool { self.rawValue < 16_384 }

    /// The RFC's word, such as `NO_PROPOSAL_CHOSEN`, or `NOTIFY 12345`.
    package var name: String { Self.names[self.rawValue] ?? "NOTIFY \(self.rawValue)" }

    package var description: String { self.name }
}

// Errors.
extension NotifyType {
    /// UNSUPPORTED_CRITICAL_PAYLOAD; the data is the payload's type.
    package static let unsupportedCriticalPayload = NotifyType(rawValue: 1)
    /// INVALID_IKE_SPI.
    package static let invalidIKESPI = NotifyType(rawValue: 4)
    /// INVALID_MAJOR_VERSION.
    package static let invalidMajorVersion = NotifyType(rawValue: 5)
    /// INVALID_SYNTAX.
    package static let invalidSyntax = NotifyType(rawValue: 7)
    /// INVALID_MESSAGE_ID.
    package static let invalidMessageID = NotifyType(rawValue: 9)
    /// INVALID_SPI.
    package static let invalidSPI = NotifyType(rawValue: 11)
    /// NO_PROPOSAL_CHOSEN.
    package static let noProposalChosen = NotifyType(rawValue: 14)
    /// INVALID_KE_PAYLOAD; the data is the method wanted.
    package static let invalidKEPayload = NotifyType(rawValue: 17)
    /// AUTHENTICATION_FAILED.
    package static let authenticationFailed = NotifyType(rawValue: 24)
    /// SINGLE_PAIR_REQUIRED.
    package static let singlePairRequired = NotifyType(rawValue: 34)
    /// NO_ADDITIONAL_SAS.
    package static let noAdditionalSAs = NotifyType(rawValue: 35)
    /// INTERNAL_ADDRESS_FAILURE.
    package static let internalAddressFailure = NotifyType(rawValue: 36)
    /// FAILED_CP_REQUIRED.
    package static let failedCPRequired = NotifyType(rawValue: 37)
    /// TS_UNACCEPTABLE.
    package static let tsUnacceptable = NotifyType(rawValue: 38)
    /// INVALID_SELECTORS.
    package static let invalidSelectors = NotifyType(rawValue: 39)
    /// UNACCEPTABLE_ADDRESSES (RFC 4555).
    package static let unacceptableAddresses = NotifyType(rawValue: 40)
    /// UNEXPECTED_NAT_DETECTED (RFC 4555).
    package static let unexpectedNATDetected = NotifyType(rawValue: 41)
    /// TEMPORARY_FAILURE.
    package static let temporaryFailure = NotifyType(rawValue: 43)
    /// CHILD_SA_NOT_FOUND.
    package static let childSANotFound = NotifyType(rawValue: 44)
    /// AUTHORIZATION_FAILED.
    package static let authorizationFailed = NotifyType(rawValue: 46)
    /// STATE_NOT_FOUND (RFC 9370).
    package static let stateNotFound = NotifyType(rawValue: 47)
    /// TS_MAX_QUEUE (RFC 9611).
    package static let tsMaxQueue = NotifyType(rawValue: 48)
}

// Status.
extension NotifyType {
    /// INITIAL_CONTACT.
    package static let initialContact = NotifyType(rawValue: 16_384)
    /// SET_WINDOW_SIZE.
    package static let setWindowSize = NotifyType(rawValue: 16_385)
    /// ADDITIONAL_TS_POSSIBLE.
    package static let additionalTSPossible = NotifyType(rawValue: 16_386)
    /// IPCOMP_SUPPORTED.
    package static let ipcompSupported = NotifyType(rawValue: 16_387)
    /// NAT_DETECTION_SOURCE_IP.
    package static let natDetectionSourceIP = NotifyType(rawValue: 16_388)
    /// NAT_DETECTION_DESTINATION_IP.
    package static let natDetectionDestinationIP = NotifyType(rawValue: 16_389)
    /// COOKIE.
    package static let cookie = NotifyType(rawValue: 16_390)
    /// USE_TRANSPORT_MODE.
    package static let useTransportMode = NotifyType(rawValue: 16_391)
    /// HTTP_CERT_LOOKUP_SUPPORTED.
    package static let httpCertLookupSupported = NotifyType(rawValue: 16_392)
    /// REKEY_SA; the SPI is the one of the CHILD_SA that goes.
    package static let rekeySA = NotifyType(rawValue: 16_393)
    /// ESP_TFC_PADDING_NOT_SUPPORTED.
    package static let espTFCPaddingNotSupported = NotifyType(rawValue: 16_394)
    /// NON_FIRST_FRAGMENTS_ALSO.
    package static let nonFirstFragmentsAlso = NotifyType(rawValue: 16_395)
    /// MOBIKE_SUPPORTED (RFC 4555).
    package static let mobikeSupported = NotifyType(rawValue: 16_396)
    /// ADDITIONAL_IP4_ADDRESS (RFC 4555).
    package static let additionalIP4Address = NotifyType(rawValue: 16_397)
    /// ADDITIONAL_IP6_ADDRESS (RFC 4555).
    package static let additionalIP6Address = NotifyType(rawValue: 16_398)
    /// NO_ADDITIONAL_ADDRESSES (RFC 4555).
    package static let noAdditionalAddresses = NotifyType(rawValue: 16_399)
    /// UPDATE_SA_ADDRESSES (RFC 4555).
    package static let updateSAAddresses = NotifyType(rawValue: 16_400)
    /// COOKIE2 (RFC 4555).
    package static let cookie2 = NotifyType(rawValue: 16_401)
    /// NO_NATS_ALLOWED (RFC 4555).
    package static let noNATsAllowed = NotifyType(rawValue: 16_402)
    /// AUTH_LIFETIME (RFC 4478).
    package static let authLifetime = NotifyType(rawValue: 16_403)
    /// MULTIPLE_AUTH_SUPPORTED (RFC 4739).
    package static let multipleAuthSupported = NotifyType(rawValue: 16_404)
    /// ANOTHER_AUTH_FOLLOWS (RFC 4739).
    package static let anotherAuthFollows = NotifyType(rawValue: 16_405)
    /// REDIRECT_SUPPORTED (RFC 5685).
    package static let redirectSupported = NotifyType(rawValue: 16_406)
    /// REDIRECT (RFC 5685).
    package static let redirect = NotifyType(rawValue: 16_407)
    /// REDIRECTED_FROM (RFC 5685).
    package static let redirectedFrom = NotifyType(rawValue: 16_408)
    /// EAP_ONLY_AUTHENTICATION (RFC 5998).
    package static let eapOnlyAuthentication = NotifyType(rawValue: 16_417)
    /// CHILDLESS_IKEV2_SUPPORTED (RFC 6023).
    package static let childlessIKEv2Supported = NotifyType(rawValue: 16_418)
    /// QUICK_CRASH_DETECTION (RFC 6290).
    package static let quickCrashDetection = NotifyType(rawValue: 16_419)
    /// IKEV2_MESSAGE_ID_SYNC_SUPPORTED (RFC 6311).
    package static let messageIDSyncSupported = NotifyType(rawValue: 16_420)
    /// IPSEC_REPLAY_COUNTER_SYNC_SUPPORTED (RFC 6311).
    package static let replayCounterSyncSupported = NotifyType(rawValue: 16_421)
    /// IKEV2_MESSAGE_ID_SYNC (RFC 6311).
    package static let messageIDSync = NotifyType(rawValue: 16_422)
    /// IPSEC_REPLAY_COUNTER_SYNC (RFC 6311).
    package static let replayCounterSync = NotifyType(rawValue: 16_423)
    /// IKEV2_FRAGMENTATION_SUPPORTED (RFC 7383).
    package static let fragmentationSupported = NotifyType(rawValue: 16_430)
    /// SIGNATURE_HASH_ALGORITHMS (RFC 7427).
    package static let signatureHashAlgorithms = NotifyType(rawValue: 16_431)
    /// USE_PPK (RFC 8784).
    package static let usePPK = NotifyType(rawValue: 16_435)
    /// PPK_IDENTITY (RFC 8784).
    package static let ppkIdentity = NotifyType(rawValue: 16_436)
    /// NO_PPK_AUTH (RFC 8784).
    package static let noPPKAuth = NotifyType(rawValue: 16_437)
    /// INTERMEDIATE_EXCHANGE_SUPPORTED (RFC 9242).
    package static let intermediateExchangeSupported = NotifyType(rawValue: 16_438)
    /// ADDITIONAL_KEY_EXCHANGE (RFC 9370).
    package static let additionalKeyExchange = NotifyType(rawValue: 16_441)
    /// USE_AGGFRAG (RFC 9347).
    package static let useAggfrag = NotifyType(rawValue: 16_442)
    /// SUPPORTED_AUTH_METHODS (RFC 9593).
    package static let supportedAuthMethods = NotifyType(rawValue: 16_443)
    /// SA_RESOURCE_INFO (RFC 9611).
    package static let saResourceInfo = NotifyType(rawValue: 16_444)
}
