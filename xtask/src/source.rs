//! One Rust file, parsed: how long its production code and functions are, its string literals, its glob imports.

mod composed;

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, Item, Lit};

pub(crate) use composed::Macros;

/// What stands outside tests; test modules and test functions leave no trace but their line count.
#[derive(Debug, Default)]
pub(crate) struct Source {
    pub(crate) production_lines: usize,
    pub(crate) functions: Vec<Function>,
    pub(crate) texts: Vec<Text>,
    pub(crate) glob_lines: Vec<usize>,
    /// Names of modules declared as `#[cfg(test)] mod name;`: their files are tests.
    pub(crate) test_modules: Vec<String>,
    /// What its child modules may call.
    pub(crate) macros: Macros,
}

#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) line: usize,
    /// From the line of `fn` to the closing brace.
    pub(crate) length: usize,
}

#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) value: String,
    pub(crate) line: usize,
    pub(crate) in_constant: bool,
    pub(crate) extent: Extent,
}

/// How much of the final text a literal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    Whole,
    /// Inside a macro's definition: checked where the macro is called.
    Part,
    /// Joined with something that is no literal.
    Unreadable,
}

/// Parses one file, whose parent module has these macros; the error names the line.
pub(crate) fn parse(text: &str, inherited: Macros) -> Result<Source, String> {
    let file = syn::parse_file(text).map_err(|error| format!("line {}: {error}", error.span().start().line))?;
    let mut reader = Reader { macros: Macros::of(&file, inherited), ..Reader::default() };
    reader.visit_file(&file);
    let tests: usize = reader.test_lines;
    reader.source.production_lines = text.lines().count().saturating_sub(tests);
    reader.source.macros = reader.macros;
    Ok(reader.source)
}

#[derive(Default)]
struct Reader {
    source: Source,
    test_lines: usize,
    constants: usize,
    macros: Macros,
}

impl Reader {
    fn function(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let line = signature.span().start().line;
        let last = block.brace_token.span.close().end().line;
        self.source.functions.push(Function {
            name: signature.ident.to_string(),
            line,
            length: (last + 1).saturating_sub(line),
        });
    }

    fn text(&mut self, value: String, line: usize, extent: Extent) {
        let in_constant = self.constants > 0;
        self.source.texts.push(Text { value, line, in_constant, extent });
    }

    fn tokens(&mut self, tokens: TokenStream, extent: Extent) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => self.tokens(group.stream(), extent),
                TokenTree::Literal(literal) => {
                    let line = literal.span().start().line;
                    if let Some(value) = string(literal) {
                        self.text(value, line, extent);
                    }
                }
                TokenTree::Ident(_) | TokenTree::Punct(_) => {}
            }
        }
    }

    fn skip(&mut self, lines: std::ops::RangeInclusive<usize>) {
        self.test_lines += lines.count();
    }

    fn in_constant(&mut self, read: impl FnOnce(&mut Self)) {
        self.constants += 1;
        read(self);
        self.constants -= 1;
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        if is_test(attributes(item)) {
            let span = item.span();
            self.skip(span.start().line..=span.end().line);
            if let Item::Mod(module) = item
                && module.content.is_none()
            {
                self.source.test_modules.push(module.ident.to_string());
            }
            return;
        }
        visit::visit_item(self, item);
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        if let ImplItem::Fn(function) = item
            && is_test(&function.attrs)
        {
            let span = function.span();
            self.skip(span.start().line..=span.end().line);
            return;
        }
        visit::visit_impl_item(self, item);
    }

    fn visit_item_fn(&mut self, node: &'ast syn::ItemFn) {
        self.function(&node.sig, &node.block);
        visit::visit_item_fn(self, node);
    }

    fn visit_impl_item_fn(&mut self, node: &'ast syn::ImplItemFn) {
        self.function(&node.sig, &node.block);
        visit::visit_impl_item_fn(self, node);
    }

    fn visit_trait_item_fn(&mut self, node: &'ast syn::TraitItemFn) {
        if let Some(block) = &node.default {
            self.function(&node.sig, block);
        }
        visit::visit_trait_item_fn(self, node);
    }

    fn visit_item_const(&mut self, node: &'ast syn::ItemConst) {
        self.in_constant(|reader| visit::visit_item_const(reader, node));
    }

    fn visit_item_static(&mut self, node: &'ast syn::ItemStatic) {
        self.in_constant(|reader| visit::visit_item_static(reader, node));
    }

    fn visit_impl_item_const(&mut self, node: &'ast syn::ImplItemConst) {
        self.in_constant(|reader| visit::visit_impl_item_const(reader, node));
    }

    fn visit_item_macro(&mut self, node: &'ast syn::ItemMacro) {
        self.in_constant(|reader| visit::visit_item_macro(reader, node));
    }

    fn visit_lit_str(&mut self, node: &'ast syn::LitStr) {
        self.text(node.value(), node.span().start().line, Extent::Whole);
    }

    fn visit_macro(&mut self, node: &'ast syn::Macro) {
        let name = node.path.segments.last().map_or(String::new(), |segment| segment.ident.to_string());
        if let Some(text) = self.macros.call(&name, node.tokens.clone()) {
            return self.text(text, node.span().start().line, Extent::Whole);
        }
        let extent = match name.as_str() {
            "macro_rules" => Extent::Part,
            "concat" => Extent::Unreadable,
            _ => Extent::Whole,
        };
        self.tokens(node.tokens.clone(), extent);
    }

    fn visit_use_glob(&mut self, node: &'ast syn::UseGlob) {
        self.source.glob_lines.push(node.star_token.span().start().line);
    }

    /// Doc comments are attributes; their text is prose.
    fn visit_attribute(&mut self, _: &'ast Attribute) {}
}

fn string(literal: proc_macro2::Literal) -> Option<String> {
    match Lit::new(literal) {
        Lit::Str(text) => Some(text.value()),
        _ => None,
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(node) => &node.attrs,
        Item::Enum(node) => &node.attrs,
        Item::ExternCrate(node) => &node.attrs,
        Item::Fn(node) => &node.attrs,
        Item::Impl(node) => &node.attrs,
        Item::Macro(node) => &node.attrs,
        Item::Mod(node) => &node.attrs,
        Item::Static(node) => &node.attrs,
        Item::Struct(node) => &node.attrs,
        Item::Trait(node) => &node.attrs,
        Item::Type(node) => &node.attrs,
        Item::Use(node) => &node.attrs,
        _ => &[],
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let path = attribute.path();
        if path.segments.last().is_some_and(|segment| segment.ident == "test") {
            return true;
        }
        path.is_ident("cfg")
            && attribute.meta.require_list().is_ok_and(|list| is_test_condition(&list.tokens.to_string()))
    })
}

/// `test`, or `all(…)` with `test` among its conditions.
fn is_test_condition(condition: &str) -> bool {
    let condition = condition.replace(' ', "");
    let inner = condition.strip_prefix("all(").and_then(|rest| rest.strip_suffix(')'));
    condition == "test" || inner.is_some_and(|inner| inner.split(',').any(|part| part == "test"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_code_is_not_counted() {
        let source = parse(
            "fn a() {\n    b();\n}\n\n#[cfg(test)]\nmod tests {\n    use super::*;\n    fn x() {}\n}\n#[cfg(test)]\nmod more;\n",
            Macros::default(),
        )
        .unwrap();
        assert_eq!(source.production_lines, 4);
        assert_eq!(source.functions.len(), 1);
        assert_eq!(source.functions[0].length, 3);
        assert!(source.glob_lines.is_empty());
        assert_eq!(source.test_modules, ["more"]);
    }

    #[test]
    fn composed_texts_are_read_where_they_are_used() {
        let source = parse(
            "macro_rules! from { ($a:literal) => { concat!(\"FROM \", $a) }; }\n\
             macro_rules! list { ($a:literal, $b:literal) => { concat!(\"SELECT a \", from!($a), $b) }; }\n\
             const A: &str = list!(\"t\", \" LIMIT 1\");\nconst B: &str = concat!(\"SELECT b \", other!());\n",
            Macros::default(),
        )
        .unwrap();
        let whole = |text: &&Text| text.extent == Extent::Whole;
        let found: Vec<_> = source.texts.iter().filter(whole).map(|text| text.value.as_str()).collect();
        assert_eq!(found, ["SELECT a FROM t LIMIT 1"]);
        let last = source.texts.last().unwrap();
        assert_eq!((last.value.as_str(), last.extent), ("SELECT b ", Extent::Unreadable));
    }

    #[test]
    fn literals_know_whether_they_stand_in_a_constant() {
        let source = parse(
            "/// SELECT prose\nconst A: &str = concat!(\"SELECT \", \"1\");\nfn f() { run(format!(\"SELECT 2\")); }\n",
            Macros::default(),
        )
        .unwrap();
        let found: Vec<_> =
            source.texts.iter().map(|text| (text.value.as_str(), text.line, text.in_constant)).collect();
        assert_eq!(found, [("SELECT 1", 2, true), ("SELECT 2", 3, false)]);
    }

    #[test]
    fn a_module_calls_its_parents_macros_and_may_name_them_anew() {
        let parent = "macro_rules! a { () => { \"1\" }; }\nmacro_rules! b { () => { \"2\" }; }";
        let parent = parse(parent, Macros::default()).unwrap();
        let child = "macro_rules! b { () => { \"3\" }; }\nconst A: &str = concat!(a!(), b!());";
        let source = parse(child, parent.macros).unwrap();
        assert!(source.texts.iter().any(|text| text.value == "13" && text.extent == Extent::Whole));
    }
}
