//! A short run of the fuzz targets: every input that is kept in `fuzz/`, and a fixed
//! number of mutations of them, the same in each run. The long runs: docs/fuzzing.md.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use cargo_ebpf::fuzzing;
use fastrand::Rng;

/// No input of the corpus' size may take longer, not even in a build for debugging on
/// a busy machine. The long runs, which are optimised, allow a second.
const DEADLINE: Duration = Duration::from_secs(20);

/// The kept inputs of a target, in the order of their names.
fn kept(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let mut inputs: Vec<_> = ["corpus", "regressions"]
        .iter()
        .filter_map(|folder| fs::read_dir(fuzz.join(folder).join(target)).ok())
        .flatten()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), fs::read(&path).unwrap()))
        .collect();
    inputs.sort();
    inputs
}

/// Runs one input, and leaves it where it can be found if it fails.
fn run(function: fn(&[u8]), input: &[u8], name: &str) {
    let start = Instant::now();
    let ended = catch_unwind(AssertUnwindSafe(|| function(input)));
    let elapsed = start.elapsed();
    if ended.is_ok() && elapsed < DEADLINE {
        return;
    }
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{name}"));
    fs::write(&path, input).unwrap();
    let path = path.display();
    match ended {
        Ok(()) => panic!("took {elapsed:?}; the input is in {path}"),
        Err(_) => panic!("failed as told above; the input is in {path}"),
    }
}

fn fuzz(target: &str, function: fn(&[u8]), mutations: usize) {
    let kept = kept(target);
    assert!(!kept.is_empty(), "no corpus of {target}");
    for (path, input) in &kept {
        let name = path.file_name().unwrap().to_string_lossy();
        run(function, input, &format!("{target}-{name}"));
    }
    let mut random = Rng::with_seed(7);
    for number in 0..mutations {
        let (_, input) = random.choice(&kept).unwrap();
        let (_, other) = random.choice(&kept).unwrap();
        let mut input = input.clone();
        for _ in 0..random.usize(1..=4) {
            mutate(&mut input, other, &mut random);
        }
        run(function, &input, &format!("{target}-mutation-{number}"));
    }
}

/// One small change.
fn mutate(input: &mut Vec<u8>, other: &[u8], random: &mut Rng) {
    /// At and next to the limits of what fields hold.
    const NUMBERS: [u64; 12] = [
        0,
        1,
        7,
        8,
        0x7f,
        0xff,
        0x7fff,
        0xffff,
        0x7fff_ffff,
        0xffff_ffff,
        i64::MAX as u64,
        u64::MAX,
    ];
    if input.is_empty() {
        input.extend_from_slice(other);
        return;
    }
    let at = random.usize(..input.len());
    match random.u8(..7) {
        0 => input[at] ^= 1 << random.u8(..8),
        1 => input[at] = random.u8(..),
        2 => {
            let number = random.choice(NUMBERS).unwrap().to_le_bytes();
            let width = random.choice([1, 2, 4, 8]).unwrap();
            // Fields are aligned to their width.
            let at = at - at % width;
            let width = width.min(input.len() - at);
            input[at..at + width].copy_from_slice(&number[..width]);
        }
        3 => input.truncate(at),
        4 => {
            let end = random.usize(at..=input.len().min(at + 64));
            let part: Vec<_> = input.drain(at..end).collect();
            let to = random.usize(..=input.len());
            input.splice(to..to, part);
        }
        5 => {
            let end = random.usize(at..=input.len().min(at + 64));
            let part = input[at..end].to_vec();
            input.splice(at..at, part);
        }
        _ => {
            let from = random.usize(..=other.len());
            let end = random.usize(from..=other.len().min(from + 256));
            let to = input.len().min(at + end - from);
            input.splice(at..to, other[from..end].iter().copied());
        }
    }
}

macro_rules! targets {
    ($($target:ident: $mutations:literal,)*) => {
        $(
            #[test]
            fn $target() {
                fuzz(stringify!($target), fuzzing::$target, $mutations);
            }
        )*

        /// Of a target that is added, the short run is not forgotten.
        #[test]
        fn every_target_has_its_short_run() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/targets");
            let mut there: Vec<_> = fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().path())
                // The target of lock has its short run there.
                .filter(|path| fs::read_to_string(path).unwrap().contains("cargo_ebpf::"))
                .map(|path| path.file_stem().unwrap().to_os_string())
                .collect();
            there.sort();
            let mut here = vec![$(stringify!($target)),*];
            here.sort_unstable();
            assert_eq!(there, here);
        }
    };
}

targets! {
    elf: 1_500,
    btf: 1_500,
    log: 4_000,
    needs: 1_500,
    link: 1_500,
    strip: 3_000,
    answer: 1_500,
    kernel: 6_000,
    lock: 3_000,
}
