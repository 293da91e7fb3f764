internal import IKEWire
internal import IPsecModel

// INFORMATIONAL asked by the peer (RFC 7296 §1.4): liveness, DELETE, notifies, and what MOBIKE asks by it.
extension IKESA {
    func processInformational(_ message: AuthenticatedMessage, _ turn: inout Turn) -> Outcome {
        // One line for a message, however many notifies it holds.
        if let notify = message.payloads.notifies.first(where: { $0.type.isError }) {
            turn.event(.peerReported(self.label, notify.type))
        }
        if message.payloads.notify(.authenticationFailed) != nil {
            // RFC 7296 §2.21.2: the initiator may refuse us this way, after our IKE_AUTH answer.
            return .lastWords([], .failed(.authenticationFailed))
        }
        if let refusal = self.refusalOfAuthentication(message) { return .lastWords([], .failed(refusal)) }
        self.takeToken(message.payloads, &turn)
        let mobility = self.answerMobility(message, &turn)
        let deletes = message.payloads.deletes
        if deletes.contains(where: { $0.protocolID == .ike }) {
            if self.giveWayToDelete(&turn) { return .payloads(mobility) }
            // The CHILD_SAs go with it, without a DELETE each (RFC 7296 §1.4.1).
            return .lastWords(mobility, .deletedByPeer)
        }
        let ended = deletes.flatMap(\.espSPIs).compactMap { self.peerDeletedChild(outboundSPI: $0, &turn) }
        return .payloads(mobility + (ended.isEmpty ? [] : [.delete(DeletePayload(esp: ended))]))
    }

    /// In the exchange that follows IKE_AUTH these two say that the initiator made no IKE_SA of our answer (RFC 7296 §2.21.2).
    private func refusalOfAuthentication(_ message: AuthenticatedMessage) -> NotifyType? {
        guard self.established?.rekeyCount == 0, !self.isOriginalInitiator,
            message.header.messageID == Self.firstIDAfterAuthentication
        else { return nil }
        return message.payloads.notifies.first { notify in
            notify.type == .invalidSyntax || notify.type == .unsupportedCriticalPayload
        }?.type
    }

    /// 0 was IKE_SA_INIT and 1 IKE_AUTH: without EAP there is only one.
    private static let firstIDAfterAuthentication: UInt32 = 2
}
