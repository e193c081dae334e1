//! The codes of this crate's errors and warnings: one per fact.

ebpf_base::codes! {
    /// What an [`Error`](crate::Error) or [`Finding`](crate::Finding) of this crate is about: a
    /// stable kebab-case name per fact.
    ///
    /// ```
    /// use ebpf_kernels::{Code, Image};
    ///
    /// let error = Image::open("/etc/passwd".as_ref()).unwrap_err();
    /// assert_eq!(Code::named(error.code()), Some(Code::KernelImageInvalid));
    /// ```
    #[non_exhaustive]
    pub enum Code {
        /// A file is not accessible to this user.
        AccessDenied = "access-denied",
        /// apt failed for a reason without a separate error code.
        AptFailed = "apt-failed",
        /// apt, which downloads the packages, is not installed.
        AptMissing = "apt-missing",
        /// The disk or the quota is full.
        DiskFull = "disk-full",
        /// A program cannot run in a guest: it is not an executable, or lacks a library.
        ExecutableUnusable = "executable-unusable",
        /// The initramfs is too large.
        Initramfs = "initramfs",
        /// A file system error other than access-denied, disk-full and not-found.
        Io = "io",
        /// The file is not a boot image for an architecture that can be booted.
        KernelImageInvalid = "kernel-image-invalid",
        /// The package is damaged or lacks a file.
        KernelPackageBroken = "kernel-package-broken",
        /// The package has another hash than in apt's signed lists.
        KernelPackageChanged = "kernel-package-changed",
        /// No kernel of this release is in the archive or the cache.
        KernelUnknown = "kernel-unknown",
        /// The mirror that the environment names is not a URL.
        KernelsMirrorInvalid = "kernels-mirror-invalid",
        /// The system's apt sources name no mirror of the Debian archive.
        KernelsNoMirror = "kernels-no-mirror",
        /// The mirror has no kernel packages.
        KernelsNoneOffered = "kernels-none-offered",
        /// A warning: the archive cannot be reached, so the cache is used.
        KernelsOffline = "kernels-offline",
        /// The signature of the archive cannot be verified.
        KernelsUnsigned = "kernels-unsigned",
        /// The archive cannot be reached.
        NoNetwork = "no-network",
        /// A file does not exist.
        NotFound = "not-found",
        /// The archive lists a package, but does not have its file.
        PackageAbsent = "package-absent",
        /// qemu is not installed.
        QemuMissing = "qemu-missing",
        /// A program could not be started.
        Spawn = "spawn",
    }
}
