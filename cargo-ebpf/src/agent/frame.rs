//! Pieces of bytes on a line that others may write to as well: firmware and kernels
//! print where they like before a guest's agent has the serial port to itself.
//!
//! A frame is a mark, the length of the packed bytes and of the plain ones, a CRC-32 of
//! the packed bytes, and those. Numbers are little-endian, of 32 bits.

use std::io::{self, Read, Write};

use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};

/// No text has this.
const MARK: [u8; 4] = [0xff, b'E', b'B', 0x00];

/// The most that a frame may hold, in bytes: an object, or a whole log of 16 MiB as
/// JSON, which doubles each escape.
const MAX_LEN: u32 = 256 << 20;

/// Writes one frame.
///
/// # Errors
/// Those of `output`, and when there are too many bytes.
pub(crate) fn write(output: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    // A verifier log shrinks to a twentieth, and a serial line carries 1 MiB a second.
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes)?;
    let packed = encoder.finish()?;
    let length = |bytes: &[u8]| {
        u32::try_from(bytes.len())
            .ok()
            .filter(|&length| length <= MAX_LEN)
            .ok_or_else(|| damaged("too many bytes for one frame"))
    };
    output.write_all(&MARK)?;
    output.write_all(&length(&packed)?.to_le_bytes())?;
    output.write_all(&length(bytes)?.to_le_bytes())?;
    output.write_all(&crc32fast::hash(&packed).to_le_bytes())?;
    output.write_all(&packed)
}

/// Reads the next frame, and over whatever stands before it. None at the end of `input`.
///
/// # Errors
/// Those of `input`, and when a frame is cut off or not what was written.
pub(super) fn read(input: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    if !skip_to_mark(input)? {
        return Ok(None);
    }
    let [packed_length, length, checksum] = [number(input)?, number(input)?, number(input)?];
    if packed_length > MAX_LEN || length > MAX_LEN {
        return Err(damaged("a frame with an invalid length"));
    }
    let mut packed = Vec::new();
    input.take(packed_length.into()).read_to_end(&mut packed)?;
    if packed.len() as u64 != u64::from(packed_length) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    if crc32fast::hash(&packed) != checksum {
        return Err(damaged("a frame with a wrong checksum"));
    }
    let mut bytes = Vec::new();
    DeflateDecoder::new(packed.as_slice())
        .take(u64::from(length) + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 != u64::from(length) {
        return Err(damaged(
            "a frame whose content does not have the specified length",
        ));
    }
    Ok(Some(bytes))
}

fn skip_to_mark(input: &mut impl Read) -> io::Result<bool> {
    let mut last = [0; MARK.len()];
    let mut byte = [0];
    while last != MARK {
        match input.read(&mut byte) {
            Ok(0) => return Ok(false),
            Ok(_) => {
                last.rotate_left(1);
                last[MARK.len() - 1] = byte[0];
            }
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(true)
}

fn number(input: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    input.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(bytes: &[u8]) -> Vec<u8> {
        let mut framed = Vec::new();
        write(&mut framed, bytes).unwrap();
        framed
    }

    #[test]
    fn frames_come_out_whole_from_among_other_text() {
        let line = [
            b"SeaBIOS (version 1)\r\n\xff\xffE".as_slice(),
            &framed(b"first"),
            b"[    1.2] a kernel message\r\n",
            &framed(&[7; 100_000]),
            b"\xffEB",
        ]
        .concat();
        let mut line = line.as_slice();
        assert_eq!(read(&mut line).unwrap().unwrap(), b"first");
        assert_eq!(read(&mut line).unwrap().unwrap(), [7; 100_000]);
        assert_eq!(read(&mut line).unwrap(), None);
    }

    #[test]
    fn every_damage_is_seen() {
        let whole = framed(b"some bytes that matter");
        for at in 4..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x10;
            assert!(read(&mut damaged.as_slice()).is_err(), "changed at {at}");
            assert!(read(&mut &whole[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_forged_length_takes_no_memory() {
        let mut forged = MARK.to_vec();
        forged.extend([0xff; 12]);
        assert!(read(&mut forged.as_slice()).is_err());
    }
}
