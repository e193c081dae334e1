//! A short run of the target: every input that is kept in `fuzz/`, and a fixed number of
//! mutations of them, the same in each run.

use std::{fs, path::Path};

use fastrand::Rng;

use super::{
    changed, code_file, debug_link, everything, leaves, perf_map, reader_answer, recording, run,
    unwinding,
};

/// The kept inputs of a target, in the order of their names.
fn kept(target: &str) -> Vec<Vec<u8>> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let mut paths: Vec<_> = ["corpus", "regressions"]
        .iter()
        .filter_map(|folder| fs::read_dir(fuzz.join(folder).join(target)).ok())
        .flatten()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn every_kept_input_and_mutations_of_them() {
    let kept = kept("recording");
    let kinds = [0x1f, b'{', 0].map(|first| kept.iter().any(|it| it.first() == Some(&first)));
    assert_eq!(kinds, [true; 3], "of each kind there is one in the corpus");
    for input in &kept {
        // A quarter are comparisons, the rest each format by each grouping.
        for choice in 0..4 * 7 * 9 {
            run(input, choice);
        }
    }
    mutations(&kept, 1000, 7);
}

#[test]
#[ignore = "takes minutes: cargo test --release -p lockprof --lib -- --ignored a_million_mutations"]
fn a_million_mutations() {
    mutations(&kept("recording"), 1_000_000, 9);
}

/// Runs so many mutations of the kept inputs, the same for the same seed.
fn mutations(kept: &[Vec<u8>], count: usize, seed: u64) {
    let mut random = Rng::with_seed(seed);
    for _ in 0..count {
        let mut input = random.choice(kept).unwrap().clone();
        for _ in 0..random.usize(1..=4) {
            mutate(&mut input, &mut random);
        }
        recording(&input);
    }
}

#[test]
fn what_others_have_and_mutations_of_it() {
    for (target, run, mutations) in [
        ("unwinding", unwinding as fn(&[u8]), 1000),
        ("perf-map", perf_map, 1000),
        // Each starts a process.
        ("code-file", code_file, 50),
        ("debug-link", debug_link, 1000),
        ("reader-answer", reader_answer, 1000),
    ] {
        let kept = kept(target);
        assert!(!kept.is_empty(), "{target}");
        kept.iter().for_each(|input| run(input));
        let mut random = Rng::with_seed(7);
        for _ in 0..mutations {
            let mut input = random.choice(&kept).unwrap().clone();
            mutate(&mut input, &mut random);
            run(&input);
        }
    }
}

/// One small change.
fn mutate(input: &mut Vec<u8>, random: &mut Rng) {
    if input.is_empty() {
        input.push(random.u8(..));
        return;
    }
    let at = random.usize(..input.len());
    match random.u8(..4) {
        0 => input[at] ^= 1 << random.u8(..8),
        1 => input[at] = random.u8(..),
        2 => input.truncate(at),
        _ => {
            let end = random.usize(at..=input.len().min(at + 64));
            let part = input[at..end].to_vec();
            input.splice(at..at, part);
        }
    }
}

#[test]
fn any_number_and_any_text_at_any_place() {
    let mut random = Rng::with_seed(8);
    let mut read = 0;
    for _ in 0..500 {
        let mut input = vec![0; 3];
        input.extend((0..random.usize(1..8) * 3).map(|_| random.u8(..)));
        read += usize::from(changed(&input).is_some());
        recording(&input);
    }
    assert!(read > 100, "{read} of 500 are intervals");
}

#[test]
fn the_interval_with_everything_has_everything() {
    let (mut value, everything) = everything().clone();
    assert!(!everything.sites.is_empty() && !everything.chains.is_empty());
    assert!(!everything.longest.is_empty() && !everything.open.is_empty());
    assert!(everything.sites.iter().any(|site| site.holder.is_some()));
    assert_eq!(changed(&[]), Some(everything));
    // Two bytes are enough to choose one.
    let mut places = Vec::new();
    leaves(&mut value, &mut places);
    assert!(places.len() < 1 << 16, "{}", places.len());
}
