//! Estimates that agree with what was counted.
//!
//! A sampled wait stands for as many as its probability was small. Sums of such weights are
//! unbiased, but they vary, and need not come to the number of waits that the kernel counted, by
//! lock and length. So the weights in each *cell*, the waits for one lock in a range of lengths,
//! are scaled to the counted number (post-stratification), and the times of each lock to its
//! counted total. Rows by caller, stack, thread or holder then add up to the counted totals, and
//! only the distribution of a cell's waits over rows is estimated.
//!
//! With few samples the scale of a cell would be arbitrary. Such cells are joined: first with the
//! neighbouring ranges of the lock, then with other locks of the same type. Locks of a type
//! without any sample are in no cell: [`Calibration::not_sampled`].

use std::{
    collections::{BTreeMap, HashMap},
    ops::{Range, RangeBounds},
};

use crate::profile::{
    histogram::Histogram,
    lock_type::LockType,
    snapshot::{AGAIN, Estimate, Lock, LockId, PIECES, Site, Snapshot},
};

/// With so many samples, a lock or a range of lengths is a cell by itself.
const ENOUGH_SAMPLES: u64 = 10;

/// Waits that are scaled together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Pool {
    /// Those for a lock with enough samples.
    Lock(LockId),
    /// Those for the other locks of a type.
    Type(LockType),
}

/// A sum over samples, each with its weight W and its value x: 1 for numbers of waits, the
/// length for times.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    /// Σ W x
    value: f64,
    /// Σ W (W - 1) x²: the variance, where nothing is known of the sum.
    spread: f64,
    /// Σ W² x²
    squares: f64,
}

impl Sum {
    /// From Σ w x, Σ w (w - 1) x² and Σ w x², with weights W = `scale` times w.
    fn scaled(value: f64, spread: f64, once: f64, scale: f64) -> Self {
        let squares = scale * scale * (spread + once);
        Self {
            value: scale * value,
            spread: (squares - scale * once).max(0.0),
            squares,
        }
    }

    fn add(&mut self, other: &Self) {
        self.value += other.value;
        self.spread += other.spread;
        self.squares += other.squares;
    }

    /// The variance of a part of this sum, which is known.
    ///
    /// It is that of the residuals of the part's samples and of the others. Where there are few
    /// of either, residuals reveal too little, and the variance is at least that of a share with
    /// two more samples on each side (Agresti and Coull).
    fn variance_of(&self, part: &Self) -> f64 {
        if self.value <= 0.0 || self.spread <= 0.0 {
            return 0.0;
        }
        let share = (part.value / self.value).clamp(0.0, 1.0);
        let rest = 1.0 - share;
        let others = (self.spread - part.spread).max(0.0);
        let by_residuals = rest * rest * part.spread + share * share * others;
        // So many samples of equal weight would vary as much.
        let samples = self.value * self.value / self.squares;
        let share = (share * samples + 2.0) / (samples + 4.0);
        let by_share = share * (1.0 - share) / (samples + 4.0) * self.value * self.value;
        by_residuals.max(by_share * self.spread / self.squares)
    }
}

/// What samples come to.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    samples: u64,
    max_ns: u64,
    count: Sum,
    time: Sum,
}

impl Sums {
    fn add(&mut self, other: &Self) {
        self.samples = self.samples.saturating_add(other.samples);
        self.max_ns = self.max_ns.max(other.max_ns);
        self.count.add(&other.count);
        self.time.add(&other.time);
    }
}

/// What the weights of samples are multiplied by.
#[derive(Debug, Clone, Copy)]
struct Scale {
    count: f64,
    time: f64,
}

impl Scale {
    fn apply(self, samples: &Estimate) -> Sums {
        let (count, time) = (samples.count as f64, samples.wait_ns as f64);
        // Lengths in a range are about the same.
        let once = if count > 0.0 {
            time * time / count
        } else {
            0.0
        };
        Sums {
            samples: samples.samples,
            max_ns: samples.max_ns,
            count: Sum::scaled(count, samples.count_variance, count, self.count),
            time: Sum::scaled(time, samples.wait_variance, once, self.time),
        }
    }
}

/// Waits in a pool, in some ranges of lengths.
#[derive(Debug, Default)]
struct Cell {
    ranges: Vec<u8>,
    counted: u64,
    samples: Estimate,
}

impl Cell {
    fn add(&mut self, other: Self) {
        self.ranges.extend(other.ranges);
        self.counted = self.counted.saturating_add(other.counted);
        self.samples.add(&other.samples);
    }

    /// Whether every wait was sampled.
    fn is_complete(&self) -> bool {
        self.samples.samples == self.counted && self.samples.count == self.counted
    }

    fn has_enough(&self) -> bool {
        self.counted > 0 && self.samples.samples >= ENOUGH_SAMPLES
    }

    /// The scale of its numbers of waits.
    fn count_scale(&self) -> f64 {
        if self.counted > 0 && self.samples.count > 0 {
            self.counted as f64 / self.samples.count as f64
        } else {
            1.0
        }
    }
}

/// What was counted in a pool, and what was sampled.
#[derive(Debug, Default)]
struct Content {
    /// Range of lengths -> waits counted, and samples. [`PIECES`] has samples only.
    ranges: BTreeMap<u8, (u64, Estimate)>,
    /// The time counted, in nanoseconds.
    total_ns: u64,
    samples: u64,
}

impl Content {
    /// Adds the waits for a lock. What is sampled is each sleep: of calls that are one wait,
    /// their first sleeps stand for the calls, and the others for their time.
    fn add_lock(&mut self, lock: &Lock) {
        let waits = lock.ranked();
        self.total_ns = self.total_ns.saturating_add(waits.total_ns);
        if !lock.is_by_call() {
            self.add_counted(0, &waits.histogram);
            return;
        }
        let again = &lock.waits.calls.again.histogram;
        let mut first = lock.waits.histogram.clone();
        first.remove(again);
        self.add_counted(0, &first);
        self.add_counted(AGAIN, again);
    }

    fn add_counted(&mut self, ranges: u8, lengths: &Histogram) {
        for (range, count) in lengths.ranges() {
            let counted = &mut self.ranges.entry(ranges + range).or_default().0;
            *counted = counted.saturating_add(count);
        }
    }

    fn add_samples(&mut self, range: u8, samples: &Estimate) {
        self.samples = self.samples.saturating_add(samples.samples);
        self.ranges.entry(range).or_default().1.add(samples);
    }

    /// Its ranges, those with few samples joined with their neighbours.
    fn cells(&self) -> Vec<Cell> {
        let mut cells = self.cells_of(0..AGAIN);
        cells.append(&mut self.cells_of(AGAIN..PIECES));
        cells.append(&mut self.cells_of(PIECES..=PIECES));
        cells
    }

    fn cells_of(&self, ranges: impl RangeBounds<u8>) -> Vec<Cell> {
        let mut cells: Vec<Cell> = Vec::new();
        let mut joined = Cell::default();
        for (&range, &(counted, samples)) in self.ranges.range(ranges) {
            let cell = Cell {
                ranges: vec![range],
                counted,
                samples,
            };
            if range == PIECES || cell.is_complete() {
                cells.push(cell);
                continue;
            }
            joined.add(cell);
            if joined.has_enough() {
                cells.push(std::mem::take(&mut joined));
            }
        }
        if joined.ranges.is_empty() {
            return cells;
        }
        // The longest waits that are not all sampled.
        let last = cells
            .iter_mut()
            .rev()
            .find(|cell| !cell.is_complete() && !cell.ranges.contains(&PIECES));
        match last {
            Some(last) => last.add(joined),
            None => cells.push(joined),
        }
        cells
    }

    /// The scales of times, once numbers are scaled: of cells of which every wait was sampled,
    /// and of the others.
    fn time_scales(&self, cells: &[Cell]) -> (f64, f64) {
        let (mut known, mut estimated) = (0.0, 0.0);
        for cell in cells {
            let time = cell.samples.wait_ns as f64 * cell.count_scale();
            if cell.is_complete() {
                known += time;
            } else {
                estimated += time;
            }
        }
        let total = self.total_ns as f64;
        if total > known && estimated > 0.0 {
            (1.0, (total - known) / estimated)
        } else if total > 0.0 && known + estimated > 0.0 {
            // Samples that are not among the counted waits: of the last moment, or damaged.
            let scale = total / (known + estimated);
            (scale, scale)
        } else {
            (1.0, 1.0)
        }
    }
}

/// What is known of a cell.
#[derive(Debug, Default)]
struct ScaledCell {
    /// The cells of its pool.
    pool: Range<usize>,
    counted: u64,
    /// What its samples come to, scaled.
    sums: Sums,
}

impl ScaledCell {
    /// The variance of one sum over a part of the samples.
    fn variance(&self, of: impl Fn(&Sums) -> &Sum, part: &Sums) -> f64 {
        if self.counted == 0 {
            return of(part).spread;
        }
        of(&self.sums).variance_of(of(part))
    }
}

/// The scales of all samples in a snapshot.
#[derive(Debug)]
pub(crate) struct Calibration {
    cells: Vec<ScaledCell>,
    /// Site -> its cell, and what its samples come to, scaled.
    sites: Vec<Option<(usize, Sums)>>,
    not_sampled: Vec<(LockId, Estimate)>,
}

impl Calibration {
    /// Of a snapshot.
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        let pools = pools(snapshot);
        let contents = contents(snapshot, &pools);
        let mut scales: HashMap<(Pool, u8), (usize, Scale)> = HashMap::new();
        let mut cells = Vec::new();
        for (pool, content) in &contents {
            let of_pool = content.cells();
            let numbers = cells.len()..cells.len() + of_pool.len();
            let (complete, others) = content.time_scales(&of_pool);
            for cell in of_pool {
                let count = cell.count_scale();
                let scale = Scale {
                    count,
                    time: count * if cell.is_complete() { complete } else { others },
                };
                scales.extend(
                    cell.ranges
                        .iter()
                        .map(|range| ((*pool, *range), (cells.len(), scale))),
                );
                cells.push(ScaledCell {
                    pool: numbers.clone(),
                    counted: cell.counted,
                    sums: Sums::default(),
                });
            }
        }
        let sites = snapshot.sites.iter().map(|site| {
            // A damaged recording has samples of locks that are not in it.
            let pool = pools.get(site.lock.index())?;
            let range = range_in_pool(snapshot, site);
            let &(cell, scale) = scales.get(&(*pool, range))?;
            let mut sums = scale.apply(&site.waits);
            if (AGAIN..PIECES).contains(&range) {
                sums.count = Sum::default();
            }
            cells.get_mut(cell)?.sums.add(&sums);
            Some((cell, sums))
        });
        let sites = sites.collect();
        let not_sampled = pools
            .iter()
            .enumerate()
            .filter(|(_, pool)| {
                contents
                    .get(pool)
                    .is_some_and(|content| content.samples == 0)
            })
            .filter_map(|(index, _)| {
                let waits = snapshot.locks.get(index)?.ranked();
                let estimate = Estimate {
                    count: waits.count,
                    wait_ns: waits.total_ns,
                    max_ns: waits.max_ns,
                    ..Estimate::default()
                };
                let waited = waits.count.saturating_add(waits.pieces) > 0;
                waited.then_some((LockId(index as u32), estimate))
            })
            .collect();
        Self {
            cells,
            sites,
            not_sampled,
        }
    }

    /// What the samples of one site stand for, by its index into [`Snapshot::sites`].
    pub(crate) fn site(&self, site: usize) -> Estimate {
        self.estimate([site])
    }

    /// What the samples of some sites stand for, by their indices into [`Snapshot::sites`].
    pub(crate) fn estimate(&self, sites: impl IntoIterator<Item = usize>) -> Estimate {
        self.sum(sites, |_, _| false)
    }

    /// The same. Where the sites were chosen by nothing but their locks, every wait was counted,
    /// and the sum is known.
    pub(crate) fn total_of(
        &self,
        sites: impl IntoIterator<Item = usize>,
        chosen_by_lock: bool,
    ) -> Estimate {
        self.sum(sites, |cell, part| {
            chosen_by_lock && cell.counted > 0 && part.samples == cell.sums.samples
        })
    }

    fn sum(
        &self,
        sites: impl IntoIterator<Item = usize>,
        is_known: impl Fn(&ScaledCell, &Sums) -> bool,
    ) -> Estimate {
        let mut parts: BTreeMap<usize, Sums> = BTreeMap::new();
        for site in sites {
            if let Some(Some((number, sums))) = self.sites.get(site) {
                if let Some(cell) = self.cells.get(*number)
                    && !parts.contains_key(number)
                {
                    // In the other cells of the pool there may be waits of which none was sampled.
                    for number in cell.pool.clone() {
                        parts.entry(number).or_default();
                    }
                }
                parts.entry(*number).or_default().add(sums);
            }
        }
        let mut estimate = Estimate::default();
        let (mut count, mut time) = (0.0, 0.0);
        for (number, part) in parts {
            let Some(cell) = self.cells.get(number) else {
                continue;
            };
            estimate.samples = estimate.samples.saturating_add(part.samples);
            estimate.max_ns = estimate.max_ns.max(part.max_ns);
            count += part.count.value;
            time += part.time.value;
            if !is_known(cell, &part) {
                estimate.count_variance += cell.variance(|sums| &sums.count, &part);
                estimate.wait_variance += cell.variance(|sums| &sums.time, &part);
            }
        }
        estimate.count = count.round() as u64;
        estimate.wait_ns = time.round() as u64;
        estimate
    }

    /// Locks whose waits no sample stands for, and what was counted of them.
    pub(crate) fn not_sampled(&self) -> &[(LockId, Estimate)] {
        &self.not_sampled
    }
}

/// The pool of each lock.
fn pools(snapshot: &Snapshot) -> Vec<Pool> {
    let mut samples = vec![0_u64; snapshot.locks.len()];
    for site in &snapshot.sites {
        if let Some(sum) = samples.get_mut(site.lock.index()) {
            *sum = sum.saturating_add(site.waits.samples);
        }
    }
    let locks = snapshot.locks.iter().zip(samples).enumerate();
    locks
        .map(|(index, (lock, samples))| {
            let waits = lock.ranked();
            let counted = waits.count.saturating_add(waits.pieces);
            if samples >= ENOUGH_SAMPLES && counted > 0 {
                Pool::Lock(LockId(index as u32))
            } else {
                Pool::Type(lock.lock_type)
            }
        })
        .collect()
}

/// The range of lengths of a site's waits in its pool: where each sleep is a wait, further sleeps
/// of calls are waits like others.
fn range_in_pool(snapshot: &Snapshot, site: &Site) -> u8 {
    let range = site.waits.range();
    let lock = snapshot.locks.get(site.lock.index());
    match range.checked_sub(AGAIN) {
        Some(own) if range != PIECES && !lock.is_some_and(Lock::is_by_call) => own,
        _ => range,
    }
}

fn contents(snapshot: &Snapshot, pools: &[Pool]) -> BTreeMap<Pool, Content> {
    let mut contents: BTreeMap<Pool, Content> = BTreeMap::new();
    for (lock, pool) in snapshot.locks.iter().zip(pools) {
        contents.entry(*pool).or_default().add_lock(lock);
    }
    for site in &snapshot.sites {
        let Some(pool) = pools.get(site.lock.index()) else {
            continue;
        };
        let content = contents.entry(*pool).or_default();
        content.add_samples(range_in_pool(snapshot, site), &site.waits);
    }
    contents
}

#[cfg(test)]
mod tests;
