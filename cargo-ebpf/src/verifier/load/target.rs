//! What a program attaches to or replaces, by its number in BTF.

use std::os::fd::{AsFd as _, BorrowedFd};

use ebpf_base::{
    btf::{self, Btf, find_id},
    untrusted,
};
use ebpf_build::Error;
use ebpf_object::{
    Hook, Name, Target,
    link::{Program, Unit, operations},
};

use super::Session;
use crate::verifier::{
    attach_target::AttachTarget,
    features,
    observation::Observed,
    program::{self, Answer},
    reason,
    replaced::LoadedTarget,
};

impl Session<'_> {
    /// The function that a program replaces, by its type, and the program that has it.
    pub(super) fn replaced_function(
        &self,
        hook: &Hook,
    ) -> Result<(u32, BorrowedFd<'_>), Box<Observed>> {
        let not_tried = |message: String, fix: &str| Box::new(reason::not_tried(message, "", fix));
        let Some(name) = hook.target_name.as_ref().map(Name::as_str) else {
            let message = "the section name does not contain the function to replace".to_owned();
            return Err(not_tried(message, "use the section name freplace/FUNCTION"));
        };
        let target = self.loaded_target.get_or_init(|| self.load_target());
        let target = target
            .as_ref()
            .map_err(|cause| not_tried(format!("the program of --freplace {cause}"), ""))?;
        let function = target.function(name).ok_or_else(|| {
            let name = untrusted::name(name);
            let message = format!("the program of --freplace has no function `{name}`");
            not_tried(
                message,
                "name the object that has it: --freplace OBJECT:PROGRAM",
            )
        })?;
        Ok((function, target.program.as_fd()))
    }

    /// Loads the program that others replace a function of; or why that failed.
    fn load_target(&self) -> Result<LoadedTarget, String> {
        let replaced = self.replaced.ok_or("is not given")?;
        let unreadable = |error: Error| format!("cannot be read: {error}");
        let mut unit = Unit::parse(&replaced.data).map_err(unreadable)?;
        let shared = self.prepare(&mut unit, &replaced.data, &mut |_| {});
        let program = match &replaced.program {
            Some(name) => unit.programs.iter().find(|program| program.name == *name),
            None => unit.programs.first().filter(|_| unit.programs.len() == 1),
        };
        let program = program.ok_or_else(|| {
            let names = unit.programs.iter().map(|one| untrusted::name(&one.name));
            let names = names.collect::<Vec<_>>().join(", ");
            match &replaced.program {
                Some(_) => format!("does not exist: the object contains {names}"),
                None => format!(
                    "must be named (--freplace OBJECT:PROGRAM): the object contains {names}"
                ),
            }
        })?;
        let hook = Hook::of(&program.section);
        if hook
            .as_ref()
            .is_some_and(|hook| hook.target == Target::OtherProgram)
        {
            return Err("is an freplace program itself, and kernels do not support \
                        nesting"
                .to_owned());
        }
        let assembled = unit.assemble(program);
        let not_accepted = || {
            "is rejected by this kernel: run `cargo ebpf verify` on its object to see the reason"
                .to_owned()
        };
        let request = self
            .request(&unit, program, hook.as_ref(), &shared, assembled)
            .map_err(|_| not_accepted())?;
        let load = self.program_load(&unit, &shared, program, &request);
        let Answer::Accepted { program, .. } = program::load(&load, |_, _, _| {}) else {
            return Err(not_accepted());
        };
        let mut types = unit
            .types
            .clone()
            .ok_or("has no BTF, which is needed to find its functions")?;
        types.fit(features::btf());
        Ok(LoadedTarget {
            program,
            types: types.to_bytes(),
        })
    }

    /// The kernel's numbers for the operation that the program is.
    pub(super) fn operation(&self, program: &Program) -> Result<(u32, u32), Box<Observed>> {
        let Some((structure, member)) = &program.operation else {
            return Err(Box::new(reason::not_tried(
                "no struct_ops map of the object contains this program".to_owned(),
                "",
                "set a member of a struct_ops map to this program",
            )));
        };
        let kernel = self.kernel_btf().and_then(|data| Btf::parse(data).ok());
        let found = kernel.and_then(|btf| operations::in_kernel(&btf, structure, member));
        found.ok_or_else(|| {
            Box::new(reason::no_target(
                format!(
                    "Linux {} has no operation `{}` in `{}`",
                    reason::release(self.kernel),
                    untrusted::name(member),
                    untrusted::name(structure),
                ),
                &format!("this kernel's BTF ({}) does not contain it", btf::VMLINUX),
                "use another hook on this kernel, or a kernel that has it",
            ))
        })
    }

    /// The type of the kernel's BTF that the program is for; 0 if it is for none.
    pub(super) fn attach_target(&self, hook: &Hook, section: &str) -> Result<u32, Box<Observed>> {
        let (prefix, kind, what) = match AttachTarget::from(hook.target) {
            AttachTarget::AtAttach => return Ok(0),
            AttachTarget::Elsewhere { reason, fix } => {
                return Err(Box::new(reason::not_tried(reason.to_owned(), "", fix)));
            }
            AttachTarget::KernelType { prefix, kind, what } => (prefix, kind, what),
        };
        let release = reason::release(self.kernel);
        let Some(target) = hook.target_name.as_ref().map(Name::as_str) else {
            return Err(Box::new(reason::not_tried(
                format!(
                    "the section name `{}` names no {what} to attach to",
                    untrusted::name(section)
                ),
                "the loader chooses it, and cargo ebpf does not run the loader",
                "name it in the program's macro, such as #[fentry(function = \"..\")]",
            )));
        };
        let shown = untrusted::name(target);
        let Some(btf) = self.kernel_btf() else {
            return Err(Box::new(reason::unsupported(
                format!("Linux {release} has no BTF, which is needed to find the {what} `{shown}`"),
                "it was built without CONFIG_DEBUG_INFO_BTF",
                "use a kernel that was built with CONFIG_DEBUG_INFO_BTF=y",
            )));
        };
        find_id(btf, kind, &format!("{prefix}{target}")).ok_or_else(|| {
            Box::new(reason::no_target(
                format!("Linux {release} has no {what} `{shown}`"),
                &format!("this kernel's BTF ({}) does not contain it", btf::VMLINUX),
                "use another hook on this kernel, or a kernel that has it",
            ))
        })
    }
}
