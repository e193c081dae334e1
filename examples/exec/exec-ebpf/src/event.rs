//! What the program sends to user space. Both sides contain this file.

/// A program that was started.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Event {
    /// The inode number of its file.
    pub inode: u64,
    /// The process.
    pub pid: u32,
    /// The process that started it.
    pub parent: u32,
    /// The name of its thread.
    pub name: [u8; 16],
    /// The name of its file, without directories.
    pub file: [u8; 64],
    /// Its arguments, each followed by a NUL.
    pub arguments: [u8; 256],
    /// How many bytes these are.
    pub arguments_len: u64,
}

impl Event {
    /// From the bytes of a ring buffer.
    #[cfg(not(target_arch = "bpf"))]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        // SAFETY: the size is that of an event, in which every content has a meaning.
        (bytes.len() == size_of::<Self>())
            .then(|| unsafe { bytes.as_ptr().cast::<Self>().read_unaligned() })
    }
}
