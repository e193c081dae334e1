//! Every operation of every class of instructions, by its name.

use crate::{Case, kernel::slot};

/// What kernels since 5.12 have learned or have yet to: only these may be unknown.
#[rustfmt::skip]
pub(crate) const NEWER: [&str; 12] = [
    "sdiv",
    "smod",
    "movsx",
    "bswap",
    "ldxs",
    "gotol",
    "may_goto",
    "addr_space_cast",
    "load_acquire",
    "store_release",
    "gotox",
    "callx",
];

/// The operations. Where it can be, their operands make a valid program: register 1 is 1,
/// register 2 is 2, and the stack is written from -16 on.
#[rustfmt::skip]
pub(crate) fn operations() -> Vec<Case> {
    let mut cases: Vec<Case> = vec![("ld_imm64".into(), vec![slot(0x18, 1, 0, 0, -2), slot(0, 0, 0, 0, 1)])];
    let mut row = |name: String, opcode, dst, src, offset, imm| {
        cases.push((name, vec![slot(opcode, dst, src, offset, imm)]));
    };
    for (bits, class) in [(32, 4), (64, 7)] {
        for (name, code) in [
            ("add", 0x00), ("sub", 0x10), ("mul", 0x20), ("div", 0x30), ("or", 0x40), ("and", 0x50),
            ("lsh", 0x60), ("rsh", 0x70), ("mod", 0x90), ("xor", 0xa0), ("mov", 0xb0), ("arsh", 0xc0),
        ] {
            row(format!("{name}{bits} imm"), code | class, 1, 0, 0, 7);
            row(format!("{name}{bits} reg"), code | class | 8, 1, 2, 0, 0);
            if !name.ends_with("sh") {
                row(format!("{name}{bits} negative"), code | class, 1, 0, 0, -7);
            }
        }
        for (name, code) in [("sdiv", 0x30), ("smod", 0x90)] {
            row(format!("{name}{bits} imm"), code | class, 1, 0, 1, -7);
            row(format!("{name}{bits} reg"), code | class | 8, 1, 2, 1, 0);
        }
        row(format!("neg{bits}"), 0x80 | class, 1, 0, 0, 0);
        for width in [8, 16, 32].into_iter().filter(|width| *width < bits) {
            row(format!("movsx{bits} {width}"), 0xb8 | class, 1, 2, width, 0);
        }
    }
    row("addr_space_cast".into(), 0xbf, 1, 2, 1, 1);
    for (name, opcode) in [("le", 0xd4), ("be", 0xdc), ("bswap", 0xd7)] {
        for width in [16, 32, 64] {
            row(format!("{name}{width}"), opcode, 1, 0, 0, width);
        }
    }
    for (direction, offset) in [("forward", 1), ("back", -3)] {
        for (bits, class) in [(64, 5), (32, 6)] {
            for (name, code) in [
                ("jeq", 0x10), ("jgt", 0x20), ("jge", 0x30), ("jset", 0x40), ("jne", 0x50), ("jsgt", 0x60),
                ("jsge", 0x70), ("jlt", 0xa0), ("jle", 0xb0), ("jslt", 0xc0), ("jsle", 0xd0),
            ] {
                row(format!("{name}{bits} {direction} imm"), code | class, 1, 0, offset, 7);
                row(format!("{name}{bits} {direction} negative"), code | class, 1, 0, offset, -7);
                row(format!("{name}{bits} {direction} reg"), code | class | 8, 1, 2, offset, 0);
            }
        }
        row(format!("goto {direction}"), 0x05, 0, 0, offset, 0);
        row(format!("gotol {direction}"), 0x06, 0, 0, 0, offset.into());
        row(format!("may_goto {direction}"), 0xe5, 0, 0, offset, 0);
    }
    row("call subprogram".into(), 0x85, 0, 1, 0, 2);
    row("call unknown helper".into(), 0x85, 0, 0, 0, 0x1000);
    row("exit".into(), 0x95, 0, 0, 0, 0);
    row("gotox".into(), 0x0d, 1, 0, 0, 0);
    row("callx".into(), 0x8d, 1, 0, 0, 0);
    row("ldx32 of context".into(), 0x61, 1, 6, 0, 0);
    for (bits, size) in [(8, 0x10), (16, 0x08), (32, 0x00), (64, 0x18)] {
        for offset in [-8, -16] {
            row(format!("ldx{bits} {offset}"), 0x61 | size, 1, 10, offset, 0);
            row(format!("stx{bits} {offset}"), 0x63 | size, 10, 1, offset, 0);
            row(format!("st{bits} {offset}"), 0x62 | size, 10, 0, offset, -7);
        }
        row(format!("load_acquire{bits}"), 0xc3 | size, 1, 10, -8, 0x100);
        row(format!("store_release{bits}"), 0xc3 | size, 10, 1, -8, 0x110);
        if bits < 64 {
            row(format!("ldxs{bits}"), 0x81 | size, 1, 10, -8, 0);
            row(format!("ld_abs{bits}"), 0x20 | size, 0, 0, 0, 14);
            row(format!("ld_ind{bits}"), 0x40 | size, 0, 2, 0, 14);
        }
        for (name, imm) in [
            ("add", 0x00), ("or", 0x40), ("and", 0x50), ("xor", 0xa0), ("xchg", 0xe1), ("cmpxchg", 0xf1),
            ("fetch_add", 0x01), ("fetch_or", 0x41), ("fetch_and", 0x51), ("fetch_xor", 0xa1),
        ] {
            if bits >= 32 {
                row(format!("atomic{bits} {name}"), 0xc3 | size, 10, 1, -8, imm);
            }
        }
    }
    cases
}
