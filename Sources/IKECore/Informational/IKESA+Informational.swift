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
}
