//! Which parts of BTF and BPF this kernel knows, found out by trying each.

use std::io;

use aya_obj::{
    btf::{
        Btf, BtfEnum64, BtfParam, BtfType, DataSec, DataSecEntry, DeclTag, Enum64, Float, Func,
        FuncLinkage, FuncProto, Int, IntEncoding, Ptr, TypeTag, Var, VarLinkage,
    },
    generated::{
        bpf_func_id::{BPF_FUNC_get_attach_cookie, BPF_FUNC_probe_read_kernel},
        bpf_insn, bpf_prog_type,
    },
};
use ebpf_object::link::types::Features;

use super::syscall::{self, LogBuffer, ProgramLoad};
use crate::host::kernel::Kernel;

/// What this kernel knows of BTF. Nothing, if it does not know BTF at all.
pub(super) fn btf() -> Features {
    let knows = |types: fn(&mut Btf, u32)| {
        let mut btf = Btf::new();
        let int = btf.add_string("int");
        let int = btf.add_type(BtfType::Int(Int::new(int, 4, IntEncoding::Signed, 0)));
        types(&mut btf, int);
        syscall::btf_load(&btf.to_bytes(), None).is_ok()
    };
    Features {
        func: knows(|btf, int| function(btf, int, FuncLinkage::Static)),
        global_func: knows(|btf, int| function(btf, int, FuncLinkage::Global)),
        datasec: knows(|btf, int| {
            let variable = variable(btf, int);
            let entry = DataSecEntry {
                btf_type: variable,
                offset: 0,
                size: 4,
            };
            data_section(btf, vec![entry], 4);
        }),
        empty_datasec: knows(|btf, _| data_section(btf, Vec::new(), 0)),
        float: knows(|btf, _| {
            let name = btf.add_string("float");
            btf.add_type(BtfType::Float(Float::new(name, 4)));
        }),
        decl_tag: knows(|btf, int| {
            let variable = variable(btf, int);
            let name = btf.add_string("tag");
            btf.add_type(BtfType::DeclTag(DeclTag::new(name, variable, -1)));
        }),
        type_tag: knows(|btf, int| {
            let name = btf.add_string("tag");
            let tag = btf.add_type(BtfType::TypeTag(TypeTag::new(name, int)));
            btf.add_type(BtfType::Ptr(Ptr::new(0, tag)));
        }),
        enum64: knows(|btf, _| {
            let name = btf.add_string("one");
            let one = BtfEnum64::new(name, 1);
            let name = btf.add_string("numbers");
            btf.add_type(BtfType::Enum64(Enum64::new(name, false, vec![one])));
        }),
    }
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

/// Replaces helpers that this kernel does not have: `bpf_probe_read_kernel` and its kin
/// came with Linux 5.5; before it, `bpf_probe_read` did for both spaces.
pub(super) fn fit_helpers(kernel: &Kernel, code: &mut [bpf_insn]) {
    use aya_obj::generated::bpf_func_id::{
        BPF_FUNC_probe_read, BPF_FUNC_probe_read_kernel_str, BPF_FUNC_probe_read_str,
        BPF_FUNC_probe_read_user, BPF_FUNC_probe_read_user_str,
    };
    let older = [
        (BPF_FUNC_probe_read_kernel, BPF_FUNC_probe_read),
        (BPF_FUNC_probe_read_user, BPF_FUNC_probe_read),
        (BPF_FUNC_probe_read_kernel_str, BPF_FUNC_probe_read_str),
        (BPF_FUNC_probe_read_user_str, BPF_FUNC_probe_read_str),
    ];
    let replacement = |instruction: &bpf_insn| {
        let is_helper_call = instruction.code == CALL && instruction.src_reg() == 0;
        let known = older.iter().find(|(new, _)| *new as i32 == instruction.imm);
        known.filter(|_| is_helper_call).map(|(_, old)| *old as i32)
    };
    if !code
        .iter()
        .any(|instruction| replacement(instruction).is_some())
        || has_probe_read_kernel(kernel)
    {
        return;
    }
    for instruction in code {
        if let Some(old) = replacement(instruction) {
            instruction.imm = old;
        }
    }
}

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
    takes(kernel, &code)
}

/// Whether programs can be given a number when they are attached: Linux 5.15.
pub(super) fn has_cookie(kernel: &Kernel) -> bool {
    let code = [
        instruction(CALL, 0, 0, BPF_FUNC_get_attach_cookie as i32),
        instruction(EXIT, 0, 0, 0),
    ];
    takes(kernel, &code)
}

/// Whether the kernel takes this code as a program for a tracepoint.
fn takes(kernel: &Kernel, code: &[bpf_insn]) -> bool {
    let load = ProgramLoad {
        name: "probe",
        program_type: bpf_prog_type::BPF_PROG_TYPE_TRACEPOINT as u32,
        expected_attach_type: 0,
        flags: 0,
        instructions: code,
        license: c"GPL",
        kernel_version: kernel.version_code(),
        attach_btf_id: 0,
        attach_program: None,
        types: None,
    };
    match syscall::prog_load(&load, &mut LogBuffer::none()) {
        // Without permission, the answer is unknown: leave the code as it is.
        Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
        Ok(_) => true,
    }
}
