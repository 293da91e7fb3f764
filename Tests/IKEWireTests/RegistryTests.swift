import IKEWire
import Testing

/// The registries' numbers and words, against RFC 7296 and the IANA tables.
@Suite struct RegistryTests {
    @Test(
        arguments: [
            (.unsupportedCriticalPayload, 1, "UNSUPPORTED_CRITICAL_PAYLOAD"),
            (.invalidIKESPI, 4, "INVALID_IKE_SPI"),
            (.invalidMajorVersion, 5, "INVALID_MAJOR_VERSION"), (.invalidSyntax, 7, "INVALID_SYNTAX"),
            (.invalidMessageID, 9, "INVALID_MESSAGE_ID"), (.invalidSPI, 11, "INVALID_SPI"),
            (.noProposalChosen, 14, "NO_PROPOSAL_CHOSEN"), (.invalidKEPayload, 17, "INVALID_KE_PAYLOAD"),
            (.authenticationFailed, 24, "AUTHENTICATION_FAILED"),
            (.singlePairRequired, 34, "SINGLE_PAIR_REQUIRED"),
            (.noAdditionalSAs, 35, "NO_ADDITIONAL_SAS"),
            (.internalAddressFailure, 36, "INTERNAL_ADDRESS_FAILURE"),
            (.failedCPRequired, 37, "FAILED_CP_REQUIRED"), (.tsUnacceptable, 38, "TS_UNACCEPTABLE"),
            (.invalidSelectors, 39, "INVALID_SELECTORS"),
            (.unacceptableAddresses, 40, "UNACCEPTABLE_ADDRESSES"),
            (.unexpectedNATDetected, 41, "UNEXPECTED_NAT_DETECTED"),
            (.temporaryFailure, 43, "TEMPORARY_FAILURE"),
            (.childSANotFound, 44, "CHILD_SA_NOT_FOUND"), (.initialContact, 16_384, "INITIAL_CONTACT"),
            (.setWindowSize, 16_385, "SET_WINDOW_SIZE"),
            (.additionalTSPossible, 16_386, "ADDITIONAL_TS_POSSIBLE"),
            (.ipcompSupported, 16_387, "IPCOMP_SUPPORTED"),
            (.natDetectionSourceIP, 16_388, "NAT_DETECTION_SOURCE_IP"),
            (.natDetectionDestinationIP, 16_389, "NAT_DETECTION_DESTINATION_IP"), (.cookie, 16_390, "COOKIE"),
            (.useTransportMode, 16_391, "USE_TRANSPORT_MODE"), (.rekeySA, 16_393, "REKEY_SA"),
            (.mobikeSupported, 16_396, "MOBIKE_SUPPORTED"),
            (.updateSAAddresses, 16_400, "UPDATE_SA_ADDRESSES"),
            (.multipleAuthSupported, 16_404, "MULTIPLE_AUTH_SUPPORTED"),
            (.redirectSupported, 16_406, "REDIRECT_SUPPORTED"),
            (.eapOnlyAuthentication, 16_417, "EAP_ONLY_AUTHENTICATION"),
            (.childlessIKEv2Supported, 16_418, "CHILDLESS_IKEV2_SUPPORTED"),
            (.quickCrashDetection, 16_419, "QUICK_CRASH_DETECTION"),
            (.messageIDSyncSupported, 16_420, "IKEV2_MESSAGE_ID_SYNC_SUPPORTED"),
            (.fragmentationSupported, 16_430, "IKEV2_FRAGMENTATION_SUPPORTED"),
            (.signatureHashAlgorithms, 16_431, "SIGNATURE_HASH_ALGORITHMS"), (.usePPK, 16_435, "USE_PPK"),
            (.intermediateExchangeSupported, 16_438, "INTERMEDIATE_EXCHANGE_SUPPORTED"),
            (.additionalKeyExchange, 16_441, "ADDITIONAL_KEY_EXCHANGE"),
            (.supportedAuthMethods, 16_443, "SUPPORTED_AUTH_METHODS"),
        ] as [(NotifyType, UInt16, String)])
    func `a notify type has the number and the word of its registry`(
        type: NotifyType, number: UInt16, word: String
    ) {
        #expect(type.rawValue == number)
        #expect(type.name == word)
    }

    @Test func `what has no word shows its number`() {
        #expect(NotifyType(rawValue: 12_345).name == "NOTIFY 12345")
        #expect(ExchangeType(rawValue: 99).name == "exchange 99")
        #expect(PayloadType(rawValue: 200).name == "payload 200")
    }

    @Test(
        arguments: [
            (.ikeSAInit, 34, "IKE_SA_INIT"), (.ikeAuth, 35, "IKE_AUTH"),
            (.createChildSA, 36, "CREATE_CHILD_SA"),
            (.informational, 37, "INFORMATIONAL"), (.ikeSessionResume, 38, "IKE_SESSION_RESUME"),
            (.ikeIntermediate, 43, "IKE_INTERMEDIATE"), (.ikeFollowupKE, 44, "IKE_FOLLOWUP_KE"),
        ] as [(ExchangeType, UInt8, String)])
    func `an exchange has the number and the word of its registry`(
        exchange: ExchangeType, number: UInt8, word: String
    ) {
        #expect(exchange.rawValue == number)
        #expect(exchange.name == word)
    }

    @Test func `payload types have the numbers and notations of RFC 7296 §3.2`() {
        let notations = [
            "SA", "KE", "IDi", "IDr", "CERT", "CERTREQ", "AUTH", "No", "N", "D", "V", "TSi", "TSr", "SK",
            "CP", "EAP",
        ]
        #expect((33...48).map { PayloadType(rawValue: $0).name } == notations)
        #expect(PayloadType.encryptedFragment == PayloadType(rawValue: 53))
    }
}
