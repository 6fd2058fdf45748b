// How many files and sockets this process may have open: every daemon raises it before it lets anybody in.
#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The process's limit of open files (RLIMIT_NOFILE).
package enum OpenFiles {
    /// More than this a daemon does not need.
    private static let wanted: rlim_t = 16_384

    /// Lets the process open as many files as the system allows it, and says how many.
    @discardableResult
    package static func raiseLimit() -> Int {
        #if canImport(Glibc)
            let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #else
            let resource = RLIMIT_NOFILE
        #endif
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return 256 }
        if limit.rlim_cur < wanted {
            limit.rlim_cur = min(limit.rlim_max, wanted)
            setrlimit(resource, &limit)
        }
        return Int(clamping: limit.rlim_cur)
    }
}
