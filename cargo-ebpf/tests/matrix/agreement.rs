//! What `requirements` predicts, and what kernels then do.

use std::{collections::HashMap, fmt::Write as _, path::PathBuf};

use serde_json::Value;
use test_support::{Failed, Need, machine::GUEST_KERNELS};

use crate::sandbox::{Sandbox, check, document, objects};
use crate::{
    helpers,
    kfuncs::{self, Choice},
};

/// For all objects that the tests keep.
pub(crate) fn requirements_tell_what_kernels_do() -> Result<(), Failed> {
    let kernels = [&GUEST_KERNELS[..], &["host"]].concat();
    agree(&Sandbox::new(), &objects()?, &kernels)
}

/// For each helper in each kind of program: what `data/helper-programs.tsv` says.
pub(crate) fn every_helper_on_the_host() -> Result<(), Failed> {
    let sandbox = Sandbox::new();
    agree(&sandbox, &helpers::objects(&sandbox)?, &["host"])
}

pub(crate) fn every_helper_on_every_kernel() -> Result<(), Failed> {
    let sandbox = Sandbox::new();
    agree(&sandbox, &helpers::objects(&sandbox)?, &GUEST_KERNELS)
}

/// For kernel functions in each kind of program: what `data/kfunc-programs.tsv` says.
pub(crate) fn kfuncs_on_the_host() -> Result<(), Failed> {
    let sandbox = Sandbox::new();
    agree(
        &sandbox,
        &kfuncs::objects(&sandbox, Choice::Few)?,
        &["host"],
    )
}

/// On the host all of them; in guests, which are slow, those of [`Choice::Few`]. 5.10 has none.
pub(crate) fn kfuncs_on_every_kernel() -> Result<(), Failed> {
    let sandbox = Sandbox::new();
    agree(
        &sandbox,
        &kfuncs::objects(&sandbox, Choice::All)?,
        &["host"],
    )?;
    let few = kfuncs::objects(&sandbox, Choice::Few)?;
    agree(&sandbox, &few, &GUEST_KERNELS[1..])
}

/// The time for thousands of programs on each kernel, some minutes.
pub(crate) const TIME: Need = Need {
    name: "time",
    check: || {
        const VARIABLE: &str = "CARGO_EBPF_LONG_TESTS";
        std::env::var_os(VARIABLE).map(drop).ok_or_else(|| {
            format!("thousands of programs on each kernel take minutes: only with {VARIABLE}=1")
        })
    },
};

#[expect(
    clippy::print_stdout,
    reason = "how many of how many, also when all is well"
)]
fn agree(sandbox: &Sandbox, objects: &[PathBuf], kernels: &[&str]) -> Result<(), Failed> {
    let agreement = Agreement::of(sandbox, objects, kernels)?;
    println!("{}", agreement.text());
    if agreement.disagreements.is_empty() && agreement.agreed > 0 {
        Ok(())
    } else {
        Err(agreement.text().into())
    }
}

/// How often the two were of one mind. A case is a program on a kernel.
#[derive(Default)]
struct Agreement {
    agreed: usize,
    disagreements: Vec<String>,
    /// A table does not know a name, and says so.
    unknown: usize,
    /// The kernel was never asked: the object could not be linked or fitted to it, or
    /// its map is what the kernel has no room for.
    not_asked: usize,
    /// The kernel could, and is configured or locked down not to.
    switched_off: usize,
    objects: usize,
    kernels: usize,
}

impl Agreement {
    /// Asks every kernel about every object, and the tables, too.
    fn of(sandbox: &Sandbox, objects: &[PathBuf], list: &[&str]) -> Result<Self, Failed> {
        let names = || {
            objects
                .iter()
                .map(|path| path.to_string_lossy().into_owned())
        };
        let asked = |command: [&str; 3]| -> Vec<String> {
            let json = ["--format", "json"].into_iter();
            let words = command.into_iter().chain(json).map(str::to_owned);
            words.chain(names()).collect()
        };
        let verify = sandbox.run(asked(["verify", "--kernel", &list.join(",")]));
        let observed = document(&verify)?;
        let kernels = observed["kernels"]
            .as_array()
            .ok_or_else(|| format!("no kernels: {observed}"))?;
        check(kernels.len() == list.len(), "all answered", &verify)?;
        let releases: Vec<String> = kernels
            .iter()
            .map(|kernel| release(&kernel["release"]).ok_or(kernel["findings"].to_string()))
            .collect::<Result<_, _>>()?;
        let requirements = sandbox.run(asked(["requirements", "--kernel", &releases.join(",")]));
        check(requirements.status.success(), "requirements", &requirements)?;
        let predicted = predictions(&document(&requirements)?);
        let mut agreement = Self {
            objects: objects.len(),
            kernels: list.len(),
            ..Self::default()
        };
        for (kernel, release) in kernels.iter().zip(&releases) {
            for object in kernel["objects"].as_array().into_iter().flatten() {
                for program in object["programs"].as_array().into_iter().flatten() {
                    let key = [&object["object"], &program["name"]]
                        .map(|name| name.as_str().unwrap_or_default().to_owned());
                    let prediction = predicted.get(&(release.clone(), key.clone()));
                    agreement.add(release, &key, prediction, program);
                }
            }
        }
        Ok(agreement)
    }

    fn add(
        &mut self,
        release: &str,
        [object, name]: &[String; 2],
        prediction: Option<&Value>,
        program: &Value,
    ) {
        let observation = Observation::of(program);
        let told = prediction.and_then(|prediction| prediction["prediction"].as_str());
        match (told, observation) {
            (_, Observation::NotAsked) => self.not_asked += 1,
            (_, Observation::SwitchedOff) => self.switched_off += 1,
            (Some("unknown"), _) => self.unknown += 1,
            (Some("supported"), Observation::Has) | (Some("lacks"), Observation::Lacks) => {
                self.agreed += 1;
            }
            _ => self.disagreements.push(format!(
                "{object}, {name}, Linux {release}: predicted {}, observed {observation:?}: {}, {}",
                prediction.unwrap_or(&Value::Null),
                program["verdict"],
                program["why"]["message"],
            )),
        }
    }

    fn text(&self) -> String {
        let compared = self.agreed + self.disagreements.len();
        let mut text = format!(
            "predicted and observed, on {} kernels: they agree in {} of {compared} cases, over {} objects \
             ({} of unknown names, {} never asked, {} switched off)",
            self.kernels,
            self.agreed,
            self.objects,
            self.unknown,
            self.not_asked,
            self.switched_off,
        );
        for disagreement in &self.disagreements {
            let _ = write!(text, "\n  {disagreement}");
        }
        text
    }
}

/// `6.1` of `6.1.0-56-cloud-amd64`.
fn release(release: &Value) -> Option<String> {
    let parts: Vec<_> = release.as_str()?.splitn(3, '.').take(2).collect();
    Some(parts.join("."))
}

/// By kernel, object and program.
fn predictions(document: &Value) -> HashMap<(String, [String; 2]), Value> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut predictions = HashMap::new();
    for object in list(&document["objects"]) {
        for kernel in list(&object["kernels"]) {
            for program in list(&kernel["programs"]) {
                let key = [word(&object["object"]), word(&program["program"])];
                predictions.insert((word(&kernel["kernel"]), key), program["load"].clone());
            }
        }
    }
    predictions
}

/// What a verdict says of the kernel, whatever it says of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Observation {
    /// The kernel has all that the program uses: it took it, or refused it for what it
    /// does.
    Has,
    Lacks,
    NotAsked,
    SwitchedOff,
}

/// How kernels say that they do not know something, in words of their own.
const LACKING: [&str; 8] = [
    "unknown func ",
    "invalid func ",
    // It does not count a callback, which is not called by code.
    "number of funcs in func_info doesn't match",
    "cannot use helper",
    "calling kernel function",
    "unknown opcode",
    "uses reserved fields",
    "programs can be sleepable",
];

impl Observation {
    fn of(program: &Value) -> Self {
        let why = &program["why"];
        match program["verdict"].as_str() {
            Some("accepted") => Self::Has,
            Some("unsupported") => {
                let message = why["message"].as_str().unwrap_or_default();
                if message.contains("rejects programs that need a BPF trampoline") {
                    return Self::SwitchedOff;
                }
                Self::Lacks
            }
            Some("refused") => {
                let lines = why["message"].as_array().into_iter().flatten();
                let mut lines = lines.filter_map(Value::as_str);
                // A kernel that is locked down knows it, and says otherwise.
                if lines
                    .clone()
                    .any(|line| line.contains("bpf_probe_write_user"))
                {
                    return Self::SwitchedOff;
                }
                // It stopped there, before all else that it may not know.
                if lines.clone().any(|line| {
                    line.contains("(CO-RE)")
                        || line.contains("tracing progs cannot use bpf_spin_lock")
                }) {
                    return Self::NotAsked;
                }
                if lines.any(|line| LACKING.iter().any(|words| line.contains(words))) {
                    Self::Lacks
                } else {
                    Self::Has
                }
            }
            _ => Self::NotAsked,
        }
    }
}
