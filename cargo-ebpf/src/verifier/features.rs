//! Which parts of BTF and BPF this kernel knows, found out by trying each.

use std::io;

use aya_obj::{
    Features,
    btf::{
        Btf, BtfEnum64, BtfFeatures, BtfParam, BtfType, DataSec, DataSecEntry, DeclTag, Enum64,
        Float, Func, FuncLinkage, FuncProto, Int, IntEncoding, Ptr, TypeTag, Var, VarLinkage,
    },
    generated::{bpf_func_id::BPF_FUNC_probe_read_kernel, bpf_insn, bpf_prog_type},
};

use super::syscall::{self, LogBuffer, ProgramLoad};
use crate::host::kernel::Kernel;

/// What this kernel knows of BTF. Nothing, if it does not know BTF at all.
pub(super) fn btf() -> BtfFeatures {
    let knows = |types: fn(&mut Btf, u32)| {
        let mut btf = Btf::new();
        let int = btf.add_string("int");
        let int = btf.add_type(BtfType::Int(Int::new(int, 4, IntEncoding::Signed, 0)));
        types(&mut btf, int);
        syscall::btf_load(&btf.to_bytes(), None).is_ok()
    };
    BtfFeatures::new(
        knows(|btf, int| function(btf, int, FuncLinkage::Static)),
        knows(|btf, int| function(btf, int, FuncLinkage::Global)),
        knows(|btf, int| {
            let variable = variable(btf, int);
            let entry = DataSecEntry {
                btf_type: variable,
                offset: 0,
                size: 4,
            };
            data_section(btf, vec![entry], 4);
        }),
        knows(|btf, _| data_section(btf, Vec::new(), 0)),
        knows(|btf, _| {
            let name = btf.add_string("float");
            btf.add_type(BtfType::Float(Float::new(name, 4)));
        }),
        knows(|btf, int| {
            let variable = variable(btf, int);
            let name = btf.add_string("tag");
            btf.add_type(BtfType::DeclTag(DeclTag::new(name, variable, -1)));
        }),
        knows(|btf, int| {
            let name = btf.add_string("tag");
            let tag = btf.add_type(BtfType::TypeTag(TypeTag::new(name, int)));
            btf.add_type(BtfType::Ptr(Ptr::new(0, tag)));
        }),
        knows(|btf, _| {
            let name = btf.add_string("one");
            let one = BtfEnum64::new(name, 1);
            let name = btf.add_string("numbers");
            btf.add_type(BtfType::Enum64(Enum64::new(name, false, vec![one])));
        }),
    )
}

fn function(btf: &mut Btf, int: u32, linkage: FuncLinkage) {
    let name = btf.add_string("argument");
    let parameter = BtfParam {
        name_offset: name,
        btf_type: int,
    };
    let prototype = btf.add_type(BtfType::FuncProto(FuncProto::new(vec![parameter], int)));
    let name = btf.add_string("function");
    btf.add_type(BtfType::Func(Func::new(name, prototype, linkage)));
}

fn variable(btf: &mut Btf, int: u32) -> u32 {
    let name = btf.add_string("variable");
    btf.add_type(BtfType::Var(Var::new(name, int, VarLinkage::Static)))
}

fn data_section(btf: &mut Btf, entries: Vec<DataSecEntry>, size: u32) {
    let name = btf.add_string(".data");
    btf.add_type(BtfType::DataSec(DataSec::new(name, entries, size)));
}

/// An instruction; `code` is class, operation and source as in
/// include/uapi/linux/bpf.h.
fn instruction(code: u8, destination: u8, source: u8, immediate: i32) -> bpf_insn {
    bpf_insn {
        code,
        _bitfield_align_1: [],
        _bitfield_1: bpf_insn::new_bitfield_1(destination, source),
        off: 0,
        imm: immediate,
    }
}

/// `r = immediate`
const MOV: u8 = 0xb7;
/// `r = other`
const MOV_REGISTER: u8 = 0xbf;
/// `r += immediate`
const ADD: u8 = 0x07;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;

/// The smallest program: returns 0.
pub(super) fn smallest_program() -> [bpf_insn; 2] {
    [instruction(MOV, 0, 0, 0), instruction(EXIT, 0, 0, 0)]
}

/// What aya-obj has to change in code for this kernel.
pub(super) fn code(kernel: &Kernel) -> Features {
    Features::new(
        true,
        has_probe_read_kernel(kernel),
        true,
        true,
        true,
        true,
        true,
        None,
    )
}

/// `bpf_probe_read_kernel` and its kin came with Linux 5.5; before it,
/// `bpf_probe_read` did for both spaces.
fn has_probe_read_kernel(kernel: &Kernel) -> bool {
    let code = [
        instruction(MOV_REGISTER, 1, 10, 0),
        instruction(ADD, 1, 0, -8),
        instruction(MOV, 2, 0, 8),
        instruction(MOV, 3, 0, 0),
        instruction(CALL, 0, 0, BPF_FUNC_probe_read_kernel as i32),
        instruction(MOV, 0, 0, 0),
        instruction(EXIT, 0, 0, 0),
    ];
    let load = ProgramLoad {
        name: "probe",
        program_type: bpf_prog_type::BPF_PROG_TYPE_TRACEPOINT as u32,
        expected_attach_type: 0,
        flags: 0,
        instructions: &code,
        license: c"GPL",
        kernel_version: kernel.version_code(),
        attach_btf_id: 0,
        types: None,
    };
    match syscall::prog_load(&load, &mut LogBuffer::none()) {
        // Without rights nothing can be told: leave the code as it is.
        Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
        Ok(_) => true,
    }
}
