//! Attaches each program, causes its event, and prints what the maps contain.
#![deny(
    missing_docs,
    unreachable_pub,
    unused,
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes,
    clippy::unwrap_used
)]

/// The programs, maps and global variables.
mod watch {
    include!(concat!(env!("OUT_DIR"), "/watch.skel.rs"));
}

/// Only compiled.
mod every {
    include!(concat!(env!("OUT_DIR"), "/every.skel.rs"));
}

use std::{
    error::Error,
    fs,
    net::UdpSocket,
    path::Path,
    process::{self, Command},
};

use aya::programs::{XdpMode, uprobe::UProbeScope};
use shared::Traffic;

/// Called by `main`, for the uprobe.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn called_by_main() {
    std::hint::black_box(());
}

/// The value of an atomic variable.
const _: fn(&mut every::Globals) = |globals| {
    globals.counter(1_u64);
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut open = watch::Open::new();
    let started = Traffic {
        packets: 40,
        bytes: 2,
    };
    open.globals
        .target_pid(process::id())
        .verbose(true)
        .limits([7, 8, 9])
        .start(started)
        .seen(100)
        .zeroed(5);
    open.max_entries.calls(16);
    open.autoload.egress(false);
    let watch::Skel {
        mut progs,
        mut maps,
    } = open.load()?;

    progs.enter().attach()?;
    // Attached through tracefs, which not every container has.
    if fs::exists("/sys/kernel/tracing/events")? {
        progs.getppid().attach()?;
    }
    progs.exec().attach()?;
    // Not every kernel has probes.
    let devices = Path::new("/sys/bus/event_source/devices");
    let (kprobes, uprobes) = (
        devices.join("kprobe").exists(),
        devices.join("uprobe").exists(),
    );
    if kprobes {
        progs.unlink().attach()?;
    }
    if uprobes {
        progs.user().attach(
            "called_by_main",
            "/proc/self/exe",
            UProbeScope::CallingProcess,
        )?;
    }
    progs.r#loop().attach("lo", XdpMode::Skb)?;

    let _ = std::os::unix::process::parent_id();
    called_by_main();
    let path = std::env::temp_dir().join(format!("watch-{}", process::id()));
    fs::write(&path, "")?;
    fs::remove_file(&path)?;
    Command::new("true").status()?;
    UdpSocket::bind("127.0.0.1:0")?.send_to(b"x", "127.0.0.1:9")?;

    for (key, attached) in [(1, true), (4, kprobes), (5, uprobes)] {
        let calls: u64 = maps.calls.get(&key, 0).unwrap_or_default();
        println!("calls of program {key}: {}", (calls > 0) == attached);
    }
    println!("zeroed: {}", maps.calls.get(&10, 0)?);
    println!("seen: {}", maps.calls.get(&11, 0)? >= 100);
    let traffic: Traffic = maps.traffic.get(&0, 0)?;
    println!("traffic: {}", traffic.packets > 0);
    println!("start: {:?}", maps.traffic.get(&1, 0)?);
    let event = maps.events.next().map(|event| event.to_vec());
    println!("event: {event:?}");
    if uprobes {
        println!("flags: {}", maps.flags.get(&-1, 0)?.contains(&1_u8));
    }
    let full = (100..200).find(|key| maps.calls.insert(key, 1, 0).is_err());
    println!("full: {}", full.is_some_and(|key| key < 120));
    let _: &aya::maps::HashMap<_, [u8; 16], [u8; 8]> = &maps.own;
    let _: &aya::maps::StackTraceMap<_> = &maps.stacks;
    // Loaded now, as it was not before.
    progs.egress().load()?;
    println!(
        "egress: {:?}",
        progs.egress().program()?.info()?.name_as_str()
    );
    Ok(())
}
