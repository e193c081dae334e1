//! The running kernel's verifier: what it prints for an instruction.

use std::{
    io,
    os::fd::{FromRawFd as _, OwnedFd, RawFd},
};

use aya_obj::generated::{bpf_attr, bpf_cmd, bpf_prog_type as Type};

/// `struct bpf_insn` of the kernel's bpf.h, little-endian.
pub(crate) type Slot = [u8; 8];

/// An instruction, or the first half of a 64-bit load.
pub(crate) fn slot(opcode: u8, dst: u8, src: u8, offset: i16, imm: i32) -> Slot {
    let ([o0, o1], [i0, i1, i2, i3]) = (offset.to_le_bytes(), imm.to_le_bytes());
    [opcode, src << 4 | dst, o0, o1, i0, i1, i2, i3]
}

/// What the kernel made of an instruction in a program around it.
pub(crate) struct Trial {
    /// Its text, or why the kernel shows none.
    pub(crate) text: Result<String, String>,
    /// Whether it took the whole program.
    pub(crate) accepted: bool,
}

/// Loads a program around an instruction. `log` is room for the verifier's account.
pub(crate) fn attempt(code: &[Slot], log: &mut [u8]) -> Trial {
    let (program, position) = around(code);
    let result = load(Type::BPF_PROG_TYPE_SOCKET_FILTER, &program, log);
    let log = String::from_utf8_lossy(log.split(|byte| *byte == 0).next().unwrap_or_default());
    let text = log.lines().find_map(|line| printed(line, position));
    let why = log.lines().rfind(|line| !line.starts_with("processed "));
    Trial {
        text: text
            .map(str::to_owned)
            .ok_or_else(|| why.unwrap_or("no log").to_owned()),
        accepted: result.is_ok(),
    }
}

/// A program with `code` in it, and its place there. Everything is reachable whatever
/// `code` is, its jumps stay inside, and what it reads was written before.
fn around(code: &[Slot]) -> (Vec<Slot>, usize) {
    let [opcode, registers, o0, o1, i0, i1, i2, i3] = code[0];
    let imm = i32::from_le_bytes([i0, i1, i2, i3]);
    let distance = match opcode {
        0x06 => imm as isize,
        _ if matches!(opcode & 7, 5 | 6) => i16::from_le_bytes([o0, o1]) as isize,
        _ => 0,
    };
    let [zero, exit] = [slot(0xb7, 0, 0, 0, 0), slot(0x95, 0, 0, 0, 0)];
    let padding = |length: isize| vec![zero; length.clamp(1, 30_000) as usize];
    let before = [padding(-distance - 2), vec![exit]].concat();
    // r6 = context, where skb loads want it; r0 = what the verifier cannot know.
    let mut program = vec![slot(0xbf, 6, 1, 0, 0), slot(0x61, 0, 6, 0, 0)];
    program.extend(
        [1, 2, 3, 4, 5, 7, 8, 9].map(|register| slot(0xb7, register, 0, 0, register.into())),
    );
    program.extend([-8, -16].map(|offset| slot(0x7b, 10, 9, offset, 0)));
    program.push(slot(0x15, 0, 0, before.len() as i16 + 1, 0));
    program.push(slot(0x15, 0, 0, (before.len() + code.len()) as i16, 1));
    program.extend(before);
    let position = program.len();
    program.extend(code);
    program.extend(padding(distance));
    program.push(exit);
    if (opcode, registers >> 4, imm) == (0x85, 1, 2) {
        program.extend([zero, exit]);
    }
    (program, position)
}

/// The instruction at `position`, if that is what a line of the log shows:
/// `12: (bf) r6 = r1 ; R1=ctx()`, or with live registers before the parenthesis.
fn printed(line: &str, position: usize) -> Option<&str> {
    let (number, rest) = line.trim_start().split_once(": ")?;
    let (before, text) = rest.split_once('(')?;
    let (opcode, text) = text.split_once(") ")?;
    let live = before.chars().all(|c| matches!(c, '.' | ' ' | '0'..='9'));
    let found = number.parse() == Ok(position) && live && u8::from_str_radix(opcode, 16).is_ok();
    found.then(|| text.split(';').next().unwrap_or_default().trim_end())
}

/// Asks for a program to be loaded, and writes the verifier's account of it to `log`.
fn load(program_type: Type, code: &[Slot], log: &mut [u8]) -> io::Result<OwnedFd> {
    log[0] = 0;
    // SAFETY: the union has integers only, for which zero is a valid value.
    let mut attribute: bpf_attr = unsafe { std::mem::zeroed() };
    // SAFETY: every byte pattern is a valid value of this all-integer variant.
    let request = unsafe { &mut attribute.__bindgen_anon_3 };
    request.prog_type = program_type as u32;
    request.insns = code.as_ptr() as u64;
    request.insn_cnt = code.len() as u32;
    request.license = c"GPL".as_ptr() as u64;
    request.log_level = 2;
    request.log_size = log.len() as u32;
    request.log_buf = log.as_mut_ptr() as u64;
    // SAFETY: all three buffers outlive the call and are as long as stated.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            bpf_cmd::BPF_PROG_LOAD as libc::c_long,
            &raw mut attribute,
            size_of::<bpf_attr>(),
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel made this descriptor for us; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(result as RawFd) })
}
