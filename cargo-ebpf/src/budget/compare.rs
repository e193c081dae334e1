//! Holds what was measured against what is committed.

use std::{cmp::Reverse, collections::BTreeMap};

use serde::{Deserialize, Serialize};

use super::{Budget, Measured};

/// How much a figure may grow, in percent of what is committed. From
/// `[workspace.metadata.ebpf.tolerance]`: `default`, or the name of a program.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub(crate) struct Tolerances(BTreeMap<String, f64>);

impl Tolerances {
    /// In percent, where nobody says otherwise.
    const DEFAULT: f64 = 5.0;

    fn of(&self, program: &str) -> f64 {
        let named = |name| self.0.get(name).copied();
        named(program)
            .or_else(|| named("default"))
            .unwrap_or(Self::DEFAULT)
    }

    /// Whether all are numbers that make sense.
    pub(crate) fn are_valid(&self) -> bool {
        self.0
            .values()
            .all(|percent| percent.is_finite() && *percent >= 0.0)
    }
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Comparison {
    /// What is not as committed, worst first.
    pub breaches: Vec<Breach>,
    /// Figures that have become smaller by more than the tolerance: `--update` would keep
    /// them so.
    pub improvements: Vec<Breach>,
    /// How many programs were held, each on each kernel.
    pub held: usize,
}

/// One thing that is not as committed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Breach {
    /// The object's file.
    pub object: String,
    /// The program; none for the object's size.
    pub program: Option<String>,
    /// The kernel; none for the object's size.
    pub kernel: Option<String>,
    /// `verdict`, or which figure.
    pub what: &'static str,
    /// What is committed; none if it was not there.
    pub before: Option<String>,
    /// What it is now; none if it is gone.
    pub after: Option<String>,
    /// By how many percent it changed, for figures.
    pub growth: Option<f64>,
}

impl Breach {
    /// A changed verdict is worse than any growth.
    fn badness(&self) -> f64 {
        self.growth.unwrap_or(f64::INFINITY)
    }
}

/// Compares `measured` with `locked`. Kernels that were not asked are left out, and so are
/// objects, unless `measured` is of the `whole` project.
pub(crate) fn compare(
    locked: &Budget,
    measured: &Budget,
    whole: bool,
    tolerances: &Tolerances,
) -> Comparison {
    let mut comparison = Comparison::default();
    let gone = locked
        .objects
        .iter()
        .filter(|(name, _)| whole && !measured.objects.contains_key(*name));
    comparison
        .breaches
        .extend(gone.map(|(name, object)| Breach {
            object: name.clone(),
            program: None,
            kernel: None,
            what: "size",
            before: Some(object.size.to_string()),
            after: None,
            growth: None,
        }));
    for (name, object) in &measured.objects {
        let before = locked.objects.get(name);
        let mut at = Place {
            comparison: &mut comparison,
            object: name,
            program: None,
            kernel: None,
            tolerance: tolerances.of(name),
        };
        if let Some(before) = before {
            at.figure("size", before.size, object.size);
        }
        for (program, kernels) in &object.programs {
            let before = before.and_then(|object| object.programs.get(program));
            for (kernel, after) in kernels {
                at.program = Some(program);
                at.kernel = Some(kernel);
                at.tolerance = tolerances.of(program);
                at.measured(before.and_then(|kernels| kernels.get(kernel)), after);
            }
        }
        // What is gone is a change, too.
        let programs = before.into_iter().flat_map(|object| &object.programs);
        for (program, kernels) in programs {
            for (kernel, before) in kernels {
                let asked = measured.kernels.contains_key(kernel);
                let now = object.programs.get(program);
                if asked && now.is_none_or(|kernels| !kernels.contains_key(kernel)) {
                    at.program = Some(program);
                    at.kernel = Some(kernel);
                    at.verdict(Some(&before.verdict), None);
                }
            }
        }
    }
    comparison.breaches.sort_by(|a, b| {
        Reverse(a.badness().to_bits())
            .cmp(&Reverse(b.badness().to_bits()))
            .then_with(|| {
                (&a.object, &a.program, &a.kernel).cmp(&(&b.object, &b.program, &b.kernel))
            })
    });
    comparison
}

/// What is being compared, and where the result goes.
struct Place<'a> {
    comparison: &'a mut Comparison,
    object: &'a str,
    program: Option<&'a String>,
    kernel: Option<&'a String>,
    tolerance: f64,
}

impl Place<'_> {
    fn measured(&mut self, before: Option<&Measured>, after: &Measured) {
        self.comparison.held += 1;
        let Some(before) = before else {
            self.verdict(None, Some(&after.verdict));
            return;
        };
        if before.verdict != after.verdict {
            self.verdict(Some(&before.verdict), Some(&after.verdict));
            return;
        }
        for ((what, before), (_, after)) in before.figures().into_iter().zip(after.figures()) {
            match (before, after) {
                (Some(before), Some(after)) => self.figure(what, before, after),
                // Nobody holds what is not measured any more.
                (Some(before), None) => {
                    let breach = self.breach(what, Some(&before.to_string()), None, None);
                    self.comparison.breaches.push(breach);
                }
                (None, _) => {}
            }
        }
    }

    fn verdict(&mut self, before: Option<&str>, after: Option<&str>) {
        let breach = self.breach("verdict", before, after, None);
        self.comparison.breaches.push(breach);
    }

    fn figure(&mut self, what: &'static str, before: u64, after: u64) {
        #[expect(clippy::cast_precision_loss, reason = "a percentage, for people")]
        let growth = (after as f64 - before as f64) * 100.0 / (before.max(1) as f64);
        if growth.abs() <= self.tolerance {
            return;
        }
        let (shown_before, shown_after) = (before.to_string(), after.to_string());
        let breach = self.breach(what, Some(&shown_before), Some(&shown_after), Some(growth));
        if after > before {
            self.comparison.breaches.push(breach);
        } else {
            self.comparison.improvements.push(breach);
        }
    }

    fn breach(
        &self,
        what: &'static str,
        before: Option<&str>,
        after: Option<&str>,
        growth: Option<f64>,
    ) -> Breach {
        Breach {
            object: self.object.to_owned(),
            program: self.program.cloned(),
            kernel: self.kernel.cloned(),
            what,
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
            growth,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Object;

    fn budget(size: u64, programs: &[(&str, &str, &str, Option<u64>)]) -> Budget {
        let mut object = Object {
            size,
            ..Object::default()
        };
        let mut budget = Budget::default();
        for (program, kernel, verdict, insns) in programs {
            budget.kernels.insert((*kernel).to_owned(), String::new());
            let kernels = object.programs.entry((*program).to_owned()).or_default();
            let measured = Measured {
                verdict: (*verdict).to_owned(),
                insns: *insns,
                ..Measured::default()
            };
            kernels.insert((*kernel).to_owned(), measured);
        }
        budget.objects.insert("o".to_owned(), object);
        budget
    }

    fn breaches(locked: &Budget, measured: &Budget) -> Vec<String> {
        compare(locked, measured, true, &Tolerances::default())
            .breaches
            .into_iter()
            .map(|breach| {
                let shown = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
                let place = (shown(breach.program), shown(breach.kernel));
                format!(
                    "{} {} {}: {} -> {}",
                    place.0,
                    place.1,
                    breach.what,
                    shown(breach.before),
                    shown(breach.after)
                )
            })
            .collect()
    }

    #[test]
    fn growth_within_the_tolerance_is_none() {
        let locked = budget(100, &[("a", "6.1", "accepted", Some(1000))]);
        let same = budget(105, &[("a", "6.1", "accepted", Some(1050))]);
        assert_eq!(breaches(&locked, &same), [""; 0]);
        let grown = budget(106, &[("a", "6.1", "accepted", Some(1051))]);
        assert_eq!(
            breaches(&locked, &grown),
            ["- - size: 100 -> 106", "a 6.1 insns: 1000 -> 1051"]
        );
    }

    #[test]
    fn changed_verdicts_come_first_then_the_largest_growth() {
        let locked = budget(
            1,
            &[
                ("a", "6.1", "accepted", Some(10)),
                ("b", "6.1", "accepted", Some(10)),
                ("c", "6.1", "accepted", None),
            ],
        );
        let measured = budget(
            1,
            &[
                ("a", "6.1", "accepted", Some(20)),
                ("b", "6.1", "accepted", Some(50)),
                ("c", "6.1", "refused", None),
                ("d", "6.1", "accepted", Some(5)),
            ],
        );
        assert_eq!(
            breaches(&locked, &measured),
            [
                "c 6.1 verdict: accepted -> refused",
                "d 6.1 verdict: - -> accepted",
                "b 6.1 insns: 10 -> 50",
                "a 6.1 insns: 10 -> 20",
            ]
        );
    }

    #[test]
    fn what_is_gone_is_said_but_not_for_kernels_that_were_not_asked() {
        let locked = budget(
            1,
            &[
                ("a", "6.1", "accepted", None),
                ("a", "7.3", "accepted", None),
            ],
        );
        let measured = budget(1, &[("b", "6.1", "accepted", None)]);
        assert_eq!(
            breaches(&locked, &measured),
            [
                "a 6.1 verdict: accepted -> -",
                "b 6.1 verdict: - -> accepted"
            ]
        );
    }

    #[test]
    fn a_program_may_have_a_tolerance_of_its_own() {
        let tolerances: Tolerances = toml_edit::de::from_str("a = 60\ndefault = 0").unwrap();
        let locked = budget(
            1,
            &[
                ("a", "6.1", "accepted", Some(10)),
                ("b", "6.1", "accepted", Some(10)),
            ],
        );
        let measured = budget(
            1,
            &[
                ("a", "6.1", "accepted", Some(15)),
                ("b", "6.1", "accepted", Some(11)),
            ],
        );
        let comparison = compare(&locked, &measured, true, &tolerances);
        assert_eq!(comparison.breaches.len(), 1);
        assert_eq!(comparison.breaches[0].program.as_deref(), Some("b"));
        assert_eq!(comparison.held, 2);
    }

    #[test]
    fn an_object_or_a_figure_that_is_gone_is_said() {
        let locked = budget(100, &[("a", "6.1", "accepted", Some(7))]);
        let blind = budget(100, &[("a", "6.1", "accepted", None)]);
        assert_eq!(breaches(&locked, &blind), ["a 6.1 insns: 7 -> -"]);
        let nothing = Budget::default();
        assert_eq!(breaches(&locked, &nothing), ["- - size: 100 -> -"]);
        let part = compare(&locked, &nothing, false, &Tolerances::default());
        assert_eq!(part.breaches, []);
    }

    #[test]
    fn less_is_an_improvement() {
        let locked = budget(100, &[]);
        let comparison = compare(&locked, &budget(50, &[]), true, &Tolerances::default());
        assert_eq!(
            (comparison.breaches.len(), comparison.improvements.len()),
            (0, 1)
        );
    }
}
