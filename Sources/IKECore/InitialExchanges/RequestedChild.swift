internal import IPsecModel

/// A CHILD_SA that we ask for.
///
///     spi --SPI allocated--> asked --answered--> installing --installed--> (a ChildSA)
///       \--failed              \--refused           \--failed
struct RequestedChild {
    /// What is being waited for.
    enum Stage {
        /// The data plane, for an inbound SPI.
        case spi
        /// The peer.
        case asked(ESPSPI)
        /// The data plane, for the installation.
        case installing(ChildSA)
    }

    /// Its configuration.
    let configuration: ChildConfiguration
    /// Its registration in the reqid registry; another one when it is known who the peer is.
    var reqidKey: ReqIDRegistry.Key
    /// The reqid that it will have.
    var reqid: UInt32
    /// The request to the data plane.
    var requestID: UInt64
    /// What is being waited for.
    var stage = Stage.spi
}
