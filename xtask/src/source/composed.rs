//! String constants composed by macros: `concat!` and one-armed `macro_rules!` over literals, of the file itself or of the
//! modules it stands in.

use std::collections::BTreeMap;

use proc_macro2::{TokenStream, TokenTree};
use syn::{Item, Lit};

/// How deep macros may call each other before a text counts as unreadable.
const DEPTH: usize = 16;

#[derive(Debug, Clone, Default)]
pub(crate) struct Macros(BTreeMap<String, Definition>);

#[derive(Debug, Clone)]
struct Definition {
    parameters: Vec<String>,
    body: TokenStream,
}

impl Macros {
    /// The macros that stand at the top of a file, over those of its parent module: names reach down, textually.
    pub(super) fn of(file: &syn::File, mut inherited: Self) -> Self {
        let definitions = file.items.iter().filter_map(|item| match item {
            Item::Macro(item) => {
                let name = item.ident.as_ref()?.to_string();
                Some((name, Definition::read(item.mac.tokens.clone())?))
            }
            _ => None,
        });
        inherited.0.extend(definitions);
        inherited
    }

    /// The text a call makes; `None` when it does not only join literals.
    pub(super) fn call(&self, name: &str, arguments: TokenStream) -> Option<String> {
        self.expand(name, arguments, DEPTH)
    }

    fn expand(&self, name: &str, arguments: TokenStream, depth: usize) -> Option<String> {
        let depth = depth.checked_sub(1)?;
        if name == "concat" {
            return self.join(arguments, depth);
        }
        let definition = self.0.get(name)?;
        let arguments = split(arguments);
        let given: BTreeMap<_, _> = definition.parameters.iter().zip(arguments).collect();
        self.join(substitute(definition.body.clone(), &given), depth)
    }

    fn join(&self, tokens: TokenStream, depth: usize) -> Option<String> {
        let mut text = String::new();
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Literal(literal) => match Lit::new(literal.clone()) {
                    Lit::Str(part) => text.push_str(&part.value()),
                    _ => text.push_str(&literal.to_string()),
                },
                TokenTree::Group(group) => text.push_str(&self.join(group.stream(), depth)?),
                TokenTree::Punct(mark) if mark.as_char() == ',' => {}
                TokenTree::Ident(name) => {
                    let bang = tokens.next()?;
                    let Some(TokenTree::Group(group)) = tokens.next() else {
                        return None;
                    };
                    if bang.to_string() != "!" {
                        return None;
                    }
                    text.push_str(&self.expand(&name.to_string(), group.stream(), depth)?);
                }
                TokenTree::Punct(_) => return None,
            }
        }
        Some(text)
    }
}

impl Definition {
    /// `($a:literal, $b:literal) => { … }`; `None` for anything with more arms or repetitions.
    fn read(tokens: TokenStream) -> Option<Self> {
        let mut tokens = tokens.into_iter().filter(|token| token.to_string() != ";");
        let Some(TokenTree::Group(pattern)) = tokens.next() else {
            return None;
        };
        let arrow = [tokens.next()?.to_string(), tokens.next()?.to_string()].concat();
        let Some(TokenTree::Group(body)) = tokens.next() else {
            return None;
        };
        if arrow != "=>" || tokens.next().is_some() {
            return None;
        }
        let parameters = split(pattern.stream()).into_iter().map(|parameter| {
            let parts: Vec<_> = parameter.into_iter().map(|token| token.to_string()).collect();
            match parts.as_slice() {
                [dollar, name, colon, _] if dollar == "$" && colon == ":" => Some(name.clone()),
                _ => None,
            }
        });
        Some(Self { parameters: parameters.collect::<Option<_>>()?, body: body.stream() })
    }
}

/// Tokens between commas; a trailing comma adds nothing.
fn split(tokens: TokenStream) -> Vec<TokenStream> {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let is_comma = |token: &TokenTree| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ',');
    let parts = tokens.split(is_comma).filter(|part| !part.is_empty());
    parts.map(|part| part.iter().cloned().collect()).collect()
}

fn substitute(body: TokenStream, given: &BTreeMap<&String, TokenStream>) -> TokenStream {
    let mut made = TokenStream::new();
    let mut tokens = body.into_iter().peekable();
    while let Some(token) = tokens.next() {
        if token.to_string() == "$"
            && let Some(argument) = tokens.peek().and_then(|name| given.get(&name.to_string()))
        {
            made.extend(argument.clone());
            tokens.next();
            continue;
        }
        match token {
            TokenTree::Group(group) => {
                let inner = substitute(group.stream(), given);
                made.extend([TokenTree::Group(proc_macro2::Group::new(group.delimiter(), inner))]);
            }
            other => made.extend([other]),
        }
    }
    made
}
