//! What the programs cost, by the kernel's own clock.
//!
//! To time each run costs about as much as a short program itself. So the kernel is asked to
//! for a part of the time only, and what comes of it is scaled up.

use std::{
    fs, io,
    time::{Duration, Instant},
};

use crate::probe::{
    attach::{Attached, Run},
    timing_switch::TimingSwitch,
};

/// How long programs are timed, once in each [`EVERY`].
const WINDOW: Duration = Duration::from_millis(50);
const EVERY: Duration = Duration::from_secs(1);

/// Times programs now and then.
#[derive(Debug)]
pub(crate) struct Timer {
    /// Somebody has all programs timed all the time: `kernel.bpf_stats_enabled`.
    always: bool,
    /// None: it does not work.
    switch: Option<TimingSwitch>,
    /// Since when programs are timed.
    window: Option<Instant>,
    next: Instant,
    /// The programs' figures at the begin of what is being timed.
    before: Vec<Run>,
    /// What was timed since it was last asked for.
    timed: Vec<Run>,
    timed_for: Duration,
    /// Why the kernel times no programs.
    error: Option<io::Error>,
}

impl Timer {
    /// Begins with a window. To be called before privileges are given up.
    pub(crate) fn start(attached: &Attached) -> Self {
        let now = Instant::now();
        let always = fs::read_to_string("/proc/sys/kernel/bpf_stats_enabled")
            .is_ok_and(|text| text.trim() == "1");
        let programs = attached.runs();
        let mut this = Self {
            always,
            switch: None,
            window: None,
            next: now,
            timed: vec![Run::default(); programs.len()],
            before: programs,
            timed_for: Duration::ZERO,
            error: None,
        };
        if !always {
            match TimingSwitch::start() {
                Ok(switch) => this.switch = Some(switch),
                Err(error) => this.error = Some(error),
            }
        }
        this.tick(attached);
        this
    }

    /// To be called often: opens and closes windows.
    pub(crate) fn tick(&mut self, attached: &Attached) {
        let Some(switch) = &self.switch else {
            return;
        };
        let now = Instant::now();
        match self.window {
            Some(since) if now.duration_since(since) >= WINDOW => self.close(attached),
            None if now >= self.next => {
                match switch.on() {
                    Ok(()) => self.window = Some(Instant::now()),
                    Err(error) => self.fail(error),
                }
                self.before = attached.runs();
                self.next = now + EVERY;
            }
            _ => {}
        }
    }

    fn fail(&mut self, error: io::Error) {
        self.switch = None;
        self.error = Some(error);
    }

    /// Why the overhead of the programs is unknown, and how to fix that.
    pub(crate) fn note(&self) -> Option<String> {
        let error = self.error.as_ref()?;
        Some(format!(
            "the overhead of the hooks is unknown ({error}): run lock as root, or after \
             `sysctl kernel.bpf_stats_enabled=1`, which times all BPF programs all the time"
        ))
    }

    fn close(&mut self, attached: &Attached) {
        let Some(since) = self.window.take() else {
            return;
        };
        self.add(attached);
        self.timed_for += since.elapsed();
        if let Some(Err(error)) = self.switch.as_ref().map(TimingSwitch::off) {
            self.fail(error);
        }
    }

    fn add(&mut self, attached: &Attached) {
        let after = attached.runs();
        for ((sum, before), after) in self.timed.iter_mut().zip(&self.before).zip(&after) {
            sum.count += after.count.saturating_sub(before.count);
            sum.ns += after.ns.saturating_sub(before.ns);
        }
        self.before = after;
    }

    /// What was timed since the last call, a program each, and the share of that time in
    /// which programs were timed; zero if they were not.
    pub(crate) fn take(&mut self, attached: &Attached, interval: Duration) -> (Vec<Run>, f64) {
        if self.always {
            self.add(attached);
            self.timed_for = interval;
        } else {
            self.close(attached);
        }
        let share = self.timed_for.as_secs_f64() / interval.as_secs_f64().max(f64::MIN_POSITIVE);
        let fresh = vec![Run::default(); self.timed.len()];
        self.timed_for = Duration::ZERO;
        (std::mem::replace(&mut self.timed, fresh), share.min(1.0))
    }
}
