//! Packets.

/// A UDP packet over IPv4, from its Ethernet header on.
pub(crate) fn packet() -> Vec<u8> {
    const BYTES: &[u8] = b"question";
    let mut packet = Vec::new();
    // Ethernet: destination, source, IPv4.
    packet.extend([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00]);
    // IPv4: header of 20 bytes, UDP, from 192.0.2.1 to 192.0.2.2.
    packet.extend([0x45, 0, 0, 28 + BYTES.len() as u8, 0, 0, 0, 0, 64, 17, 0, 0]);
    packet.extend([192, 0, 2, 1, 192, 0, 2, 2]);
    // UDP: from port 4000 to port 53.
    packet.extend([0x0f, 0xa0, 0, 53, 0, 8 + BYTES.len() as u8, 0, 0]);
    packet.extend(BYTES);
    packet
}
