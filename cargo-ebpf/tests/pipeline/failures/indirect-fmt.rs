#![no_std]
#![no_main]

use core::fmt::Write as _;

use aya_ebpf::{
    btf_maps::RingBuf,
    macros::{btf_map, xdp},
    programs::XdpContext,
};

#[btf_map]
static EVENTS: RingBuf<[u8; 64], 4096> = RingBuf::new();

struct Text {
    bytes: [u8; 64],
    length: usize,
}

impl core::fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for byte in text.bytes() {
            let Some(slot) = self.bytes.get_mut(self.length) else {
                return Ok(());
            };
            *slot = byte;
            self.length += 1;
        }
        Ok(())
    }
}

#[xdp]
pub fn formatted(ctx: XdpContext) -> u32 {
    let mut text = Text {
        bytes: [0; 64],
        length: 0,
    };
    let _ = write!(text, "queue {}", ctx.rx_queue_index()); //~ ERROR indirect-call
    EVENTS.output(text.bytes, 0).is_err().into()
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
