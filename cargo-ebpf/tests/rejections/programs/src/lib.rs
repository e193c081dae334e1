//! What every program here needs: a panic handler and a license.
#![no_std]

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// Declares the license section of an object.
#[macro_export]
macro_rules! license {
    ($text:literal) => {
        #[unsafe(link_section = "license")]
        #[unsafe(no_mangle)]
        static LICENSE: [u8; $text.len()] = *$text;
    };
    () => {
        $crate::license!(b"GPL\0");
    };
}
