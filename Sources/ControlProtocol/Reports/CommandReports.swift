/// IKE_SAs with their CHILD_SAs.
package struct SAReport: Hashable, Sendable, Codable {
    /// The daemon's clock when the report was made; ages and spans are counted from here.
    package var reportedAt: Timestamp
    /// The IKE_SAs that were asked for.
    package var peers: [PeerReport]

    /// The IKE_SAs `peers` as they were at `reportedAt`.
    package init(reportedAt: Timestamp, peers: [PeerReport]) {
        self.reportedAt = reportedAt
        self.peers = peers
    }

    private enum CodingKeys: String, CodingKey {
        case peers
        case reportedAt = "reported_at"
    }
}

/// An IKE_SA, or one CHILD_SA of it, that a command is about.
package struct SAReference: Hashable, Sendable, Codable {
    /// The connection's name.
    package var name: String
    /// The IKE_SA's unique ID.
    package var id: UInt64
    /// The CHILD_SA's name; nil if the IKE_SA itself is meant.
    package var child: String?
    /// The CHILD_SA's inbound SPI: 8 hexadecimal digits. Of a rekeying, that of the old one.
    package var inboundSPI: String?

    /// The IKE_SA `id` of the connection `name`, or a CHILD_SA of it.
    package init(name: String, id: UInt64, child: String? = nil, inboundSPI: String? = nil) {
        self.name = name
        self.id = id
        self.child = child
        self.inboundSPI = inboundSPI
    }

    private enum CodingKeys: String, CodingKey {
        case name, id, child
        case inboundSPI = "spi_in"
    }
}

/// What is being rekeyed; how it goes is in the next `SAReport`.
package struct RekeyReport: Hashable, Sendable, Codable {
    /// What is being rekeyed.
    package var rekeying: [SAReference]

    /// The rekeying of `rekeying`.
    package init(rekeying: [SAReference]) {
        self.rekeying = rekeying
    }
}

/// What is being ended; the peers have been told or are about to be.
package struct TerminateReport: Hashable, Sendable, Codable {
    /// What is being ended; empty if nothing stood and only an attempt to begin was ended.
    package var terminated: [SAReference]

    /// The end of `terminated`.
    package init(terminated: [SAReference]) {
        self.terminated = terminated
    }
}

/// An IKE_SA is being begun; how it goes is in the next `StatusReport`.
package struct InitiateReport: Hashable, Sendable, Codable {
    /// The connection's name.
    package var initiating: String

    /// The beginning of `initiating`.
    package init(initiating: String) {
        self.initiating = initiating
    }
}

/// What reading the configuration again has changed.
package struct ReloadReport: Hashable, Sendable, Codable {
    /// The configuration in force now.
    package var config: ConfigReport
    /// Connections in it.
    package var connections: Int
    /// Names of connections that are new.
    package var added: [String]
    /// Names of connections that are different now; their IKE_SAs end.
    package var changed: [String]
    /// Names of connections that are gone; their IKE_SAs end.
    package var removed: [String]
    /// What the file should do better.
    package var warnings: [DiagnosticReport]

    /// The outcome of a reload.
    package init(
        config: ConfigReport, connections: Int, added: [String], changed: [String], removed: [String],
        warnings: [DiagnosticReport]
    ) {
        self.config = config
        self.connections = connections
        self.added = added
        self.changed = changed
        self.removed = removed
        self.warnings = warnings
    }
}

/// Which release runs.
package struct VersionReport: Hashable, Sendable, Codable {
    /// The daemon's release.
    package var version: String

    /// The release `version`.
    package init(version: String = Release.version) {
        self.version = version
    }
}

/// An error or a warning about a place in a configuration file.
package struct DiagnosticReport: Hashable, Sendable, Codable {
    /// `error` or `warning`.
    package var severity: String
    /// The file's path.
    package var file: String
    /// The line, from 1.
    package var line: Int
    /// The column, from 1.
    package var column: Int
    /// Columns that are meant, from `column` on.
    package var length: Int
    /// One sentence without capital and full stop.
    package var message: String
    /// The line's text.
    package var sourceLine: String

    /// A diagnostic at a place.
    package init(
        severity: String, file: String, line: Int, column: Int, length: Int, message: String,
        sourceLine: String
    ) {
        self.severity = severity
        self.file = file
        self.line = line
        self.column = column
        self.length = length
        self.message = message
        self.sourceLine = sourceLine
    }

    private enum CodingKeys: String, CodingKey {
        case severity, file, line, column, length, message
        case sourceLine = "source_line"
    }
}

/// What `culvert check --json` prints: no daemon is involved, but the schema is the same.
package struct CheckReport: Hashable, Sendable, Codable {
    /// The file that was checked.
    package var file: String
    /// Errors in it; it can be loaded if there are none.
    package var errors: Int
    /// Warnings about it.
    package var warnings: Int
    /// The errors and warnings in the files' order; of a long list, only the first ones.
    package var diagnostics: [DiagnosticReport]

    /// The outcome of checking `file`.
    package init(file: String, errors: Int, warnings: Int, diagnostics: [DiagnosticReport]) {
        self.file = file
        self.errors = errors
        self.warnings = warnings
        self.diagnostics = diagnostics
    }
}
