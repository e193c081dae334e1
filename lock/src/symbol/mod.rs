//! Addresses to names, and which names belong to the locking code.
pub(crate) mod kernel;
pub(crate) mod locking;
use crate::profile::{lock_type::Class, snapshot::Frame};
pub(crate) mod class {
    use crate::profile::lock_type::Class;
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Operation {
        pub(crate) command: u32,
        pub(crate) private: bool,
        pub(crate) realtime: bool,
        pub(crate) value: u32,
    }
    impl Operation {
        pub(crate) const OTHER_VALUE: u32 = 0xffff_fffe;
    }
    impl std::fmt::Display for Operation {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "{}", self.command)
        }
    }
    pub(crate) fn from_operation(_: Operation) -> Class {
        Class::Mutex
    }
}
pub(crate) mod process_info {
    pub(crate) fn comm(pid: u32) -> Option<String> {
        std::fs::read_to_string(format!("/proc/{pid}/comm"))
            .ok()
            .map(|s| s.trim().to_owned())
    }
    pub(crate) fn cgroup(_: u32) -> Option<String> {
        None
    }
    pub(crate) fn shared_object(_: u32, _: u64) -> Option<String> {
        None
    }
}
pub(crate) struct Registers {
    pub(crate) ip: u64,
    pub(crate) sp: u64,
    pub(crate) bp: u64,
}
#[derive(Debug, Clone)]
pub(crate) struct UserStack {
    pub(crate) frames: Vec<Frame>,
    pub(crate) cut: bool,
    pub(crate) locking_frames: u32,
    pub(crate) class: Class,
    pub(crate) name: Option<&'static str>,
}
#[derive(Debug)]
pub(crate) struct Symbols;
impl Symbols {
    pub(crate) fn new() -> Self {
        Self
    }
    pub(crate) fn kernel_stack(&mut self, addresses: &[u64]) -> (Vec<Frame>, Option<&'static str>) {
        let set = addresses.iter().copied().collect();
        let f = kernel::functions(&set);
        let names: Vec<Option<&str>> = addresses
            .iter()
            .map(|a| f.names.get(a).map(String::as_str))
            .collect();
        let at = locking::caller(&names).unwrap_or(0);
        (
            addresses
                .iter()
                .zip(&names)
                .skip(at)
                .map(|(&address, name)| Frame {
                    address,
                    function: name.map(str::to_owned),
                    module: "[kernel]".into(),
                    ..Frame::default()
                })
                .collect(),
            None,
        )
    }
    pub(crate) fn user_stack(
        &mut self,
        _pid: u32,
        r: Registers,
        _b: &[u8],
        _o: Option<class::Operation>,
    ) -> UserStack {
        UserStack {
            frames: vec![Frame {
                address: r.ip,
                ..Frame::default()
            }],
            cut: true,
            locking_frames: 0,
            class: Class::Unknown,
            name: None,
        }
    }
    pub(crate) fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}
