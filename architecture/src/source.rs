//! A crate's modules, their files and the paths that each file names, outside of tests.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::{
    Attribute, Expr, Item, ItemMod, ItemUse, UseTree, Visibility,
    spanned::Spanned as _,
    visit::{self, Visit},
};

/// The path of a module from its crate's root; the root's is empty.
pub(crate) type ModulePath = Vec<String>;

/// Where sources are read from: a directory, or a table in memory.
pub trait Files {
    /// The text of a file, none where there is no such file.
    fn read(&self, path: &Path) -> Option<String>;
}

impl Files for PathBuf {
    fn read(&self, path: &Path) -> Option<String> {
        std::fs::read_to_string(self.join(path)).ok()
    }
}

impl Files for BTreeMap<&str, &str> {
    fn read(&self, path: &Path) -> Option<String> {
        self.get(path.to_str()?).map(|text| (*text).to_owned())
    }
}

/// A module of a crate.
#[derive(Debug, Default)]
pub(crate) struct Module {
    /// The file that it is in.
    pub file: String,
    /// Names that `use` declarations bring into it, with the path that each stands for.
    pub imported: BTreeMap<String, Imported>,
    /// Paths of modules whose names it imports all.
    pub globs: Vec<Vec<String>>,
    /// Names of its own items.
    pub items: BTreeSet<String>,
    /// Paths that it names.
    pub mentions: Vec<Mention>,
}

/// What a name in a module stands for.
#[derive(Debug)]
pub(crate) struct Imported {
    /// The path after `use`.
    pub path: Vec<String>,
    /// Whether others can import the name from here.
    pub exported: bool,
}

/// A path in a module's code.
#[derive(Debug)]
pub(crate) struct Mention {
    /// Its segments.
    pub path: Vec<String>,
    /// Line in the file, from 1.
    pub line: usize,
    /// How it is written.
    pub kind: MentionKind,
}

/// How a path is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum MentionKind {
    /// `use path;`
    Use,
    /// `pub use path;`, also with a restricted visibility.
    Export,
    /// In code.
    Code,
}

/// The modules of the crate whose root is `root`.
///
/// # Errors
/// When a file is missing or is not Rust.
pub(crate) fn modules(
    files: &dyn Files,
    root: &Path,
) -> Result<BTreeMap<ModulePath, Module>, String> {
    let mut modules = BTreeMap::new();
    let directory = root.parent().unwrap_or(Path::new(""));
    let mut open = vec![OpenFile {
        module: Vec::new(),
        file: root.to_owned(),
        children: directory.to_owned(),
    }];
    while let Some(next) = open.pop() {
        let text = files
            .read(&next.file)
            .ok_or_else(|| format!("{} does not exist", next.file.display()))?;
        let parsed =
            syn::parse_file(&text).map_err(|error| format!("{}: {error}", next.file.display()))?;
        let mut reader = Reader {
            files,
            modules: &mut modules,
            open: &mut open,
            module: next.module,
            file: next.file,
            children: next.children,
        };
        reader.start_module();
        reader.visit_file(&parsed);
    }
    Ok(modules)
}

/// A file that is still to be read.
struct OpenFile {
    module: ModulePath,
    file: PathBuf,
    /// The directory of its child modules.
    children: PathBuf,
}

/// Reads one file.
struct Reader<'a> {
    files: &'a dyn Files,
    modules: &'a mut BTreeMap<ModulePath, Module>,
    open: &'a mut Vec<OpenFile>,
    module: ModulePath,
    file: PathBuf,
    children: PathBuf,
}

impl Reader<'_> {
    fn start_module(&mut self) {
        let file = self.file.display().to_string();
        self.current().file = file;
    }

    fn current(&mut self) -> &mut Module {
        self.modules.entry(self.module.clone()).or_default()
    }

    fn mention(&mut self, path: Vec<String>, span: Span, kind: MentionKind) {
        let line = span.start().line;
        self.current().mentions.push(Mention { path, line, kind });
    }

    /// A `mod name;`: its file is read later.
    fn other_file(&mut self, item: &ItemMod) {
        let name = item.ident.to_string();
        let (file, children) = if let Some(path) = path_attribute(&item.attrs) {
            let directory = self.file.parent().unwrap_or(Path::new(""));
            let file = directory.join(path);
            let children = file.parent().unwrap_or(Path::new("")).to_owned();
            (file, children)
        } else {
            let children = self.children.join(&name);
            let flat = self.children.join(format!("{name}.rs"));
            let file = match self.files.read(&flat) {
                Some(_) => flat,
                None => children.join("mod.rs"),
            };
            (file, children)
        };
        let mut module = self.module.clone();
        module.push(name);
        self.open.push(OpenFile {
            module,
            file,
            children,
        });
    }

    fn use_tree(&mut self, tree: &UseTree, before: &[String], kind: MentionKind) {
        let with = |name: String| [before, &[name]].concat();
        match tree {
            UseTree::Path(path) => self.use_tree(&path.tree, &with(path.ident.to_string()), kind),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.use_tree(tree, before, kind);
                }
            }
            UseTree::Glob(glob) => {
                self.current().globs.push(before.to_vec());
                self.mention(before.to_vec(), glob.star_token.span(), kind);
            }
            UseTree::Name(name) if name.ident == "self" => {
                if let Some(last) = before.last() {
                    self.import(last.clone(), before.to_vec(), name.ident.span(), kind);
                }
            }
            UseTree::Name(name) => {
                let path = with(name.ident.to_string());
                self.import(name.ident.to_string(), path, name.ident.span(), kind);
            }
            UseTree::Rename(rename) => {
                let path = if rename.ident == "self" {
                    before.to_vec()
                } else {
                    with(rename.ident.to_string())
                };
                self.import(rename.rename.to_string(), path, rename.ident.span(), kind);
            }
        }
    }

    fn import(&mut self, name: String, path: Vec<String>, span: Span, kind: MentionKind) {
        let exported = kind == MentionKind::Export;
        self.mention(path.clone(), span, kind);
        self.current()
            .imported
            .insert(name, Imported { path, exported });
    }

    /// Paths in a macro's tokens, which are not parsed any further.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<(String, Span)> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.end_of_path(&mut path);
                    }
                    path.push((ident.to_string(), ident.span()));
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                other => {
                    self.end_of_path(&mut path);
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        self.end_of_path(&mut path);
    }

    fn end_of_path(&mut self, path: &mut Vec<(String, Span)>) {
        let (names, spans): (Vec<String>, Vec<Span>) = path.drain(..).unzip();
        // A single word may be anything, a type's name is written like one.
        let is_type = |name: &String| name.starts_with(char::is_uppercase);
        if let Some(&span) = spans.first()
            && (names.len() > 1 || is_type(&names[0]))
        {
            self.mention(names, span, MentionKind::Code);
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if is_of_tests(attributes(item)) {
            return;
        }
        if let Some(name) = name(item) {
            self.current().items.insert(name);
        }
        visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        let Some((_, items)) = &item.content else {
            return self.other_file(item);
        };
        let children = self.children.join(item.ident.to_string());
        let outside = std::mem::replace(&mut self.children, children);
        self.module.push(item.ident.to_string());
        self.start_module();
        for item in items {
            self.visit_item(item);
        }
        self.module.pop();
        self.children = outside;
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        // `use ::name` is of another crate, whatever modules are called.
        if item.leading_colon.is_some() {
            return;
        }
        let kind = match item.vis {
            Visibility::Inherited => MentionKind::Use,
            Visibility::Public(_) | Visibility::Restricted(_) => MentionKind::Export,
        };
        self.use_tree(&item.tree, &[], kind);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !is_of_tests(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    /// `pub(in path)` imports nothing.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            let names: Vec<String> = path
                .segments
                .iter()
                .map(|one| one.ident.to_string())
                .collect();
            let is_type = |name: &String| name.starts_with(char::is_uppercase);
            // A variable is a path as well; a function's name is seen where it is called.
            if names.len() > 1 || names.iter().all(is_type) {
                self.mention(names, path.segments[0].ident.span(), MentionKind::Code);
            }
        }
        visit::visit_path(self, path);
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        if let Expr::Path(function) = &*call.func
            && let Some(name) = function.path.get_ident()
        {
            self.mention(vec![name.to_string()], name.span(), MentionKind::Code);
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }
}

/// Whether it is compiled for tests only: `#[cfg(test)]` or `#[cfg(all(test, ..))]`.
fn is_of_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        if attribute.path().is_ident("test") {
            return true;
        }
        let syn::Meta::List(list) = &attribute.meta else {
            return false;
        };
        let text = list.tokens.to_string();
        list.path.is_ident("cfg")
            && (text == "test" || text.starts_with("all") && text.contains("(test ,"))
    })
}

/// The file that `#[path = ".."]` names.
fn path_attribute(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| {
        let syn::Meta::NameValue(pair) = &attribute.meta else {
            return None;
        };
        let Expr::Lit(literal) = &pair.value else {
            return None;
        };
        match &literal.lit {
            syn::Lit::Str(text) if pair.path.is_ident("path") => Some(text.value()),
            _ => None,
        }
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn name(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}
