//! The symbol table of an object: function names where there is no DWARF.

use object::{Object, ObjectSymbol, SymbolKind};

/// Functions by address.
#[derive(Default)]
pub(crate) struct ElfSymbols<'data> {
    sorted: Vec<ElfSymbol<'data>>,
    whole: bool,
}

struct ElfSymbol<'data> {
    address: u64,
    end: u64,
    local: bool,
    name: &'data str,
}

impl<'data> ElfSymbols<'data> {
    /// Reads `.symtab` of the first object that has one, else the dynamic symbols.
    pub(crate) fn read(objects: &[&object::File<'data>]) -> ElfSymbols<'data> {
        let full = objects
            .iter()
            .map(|object| (true, collect(object.symbols(), true)));
        let dynamic = objects
            .iter()
            .map(|object| (false, collect(object.dynamic_symbols(), false)));
        let found = full.chain(dynamic).find(|(_, found)| !found.is_empty());
        let (whole, sorted) = found.unwrap_or_default();
        ElfSymbols { sorted, whole }
    }

    /// Whether functions that are not exported are known too.
    pub(crate) fn is_whole(&self) -> bool {
        self.whole
    }

    /// The linker's name of the function that holds the address.
    pub(crate) fn name_at(&self, address: u64) -> Option<&'data str> {
        let behind = self
            .sorted
            .partition_point(|symbol| symbol.address <= address);
        let symbol = self.sorted.get(behind.checked_sub(1)?)?;
        (address < symbol.end).then_some(symbol.name)
    }
}

/// One symbol for each address, the global one first. Assembly often has no sizes:
/// such a symbol reaches to the next one, if the table is whole.
fn collect<'data, 'file, S: ObjectSymbol<'data>>(
    symbols: impl Iterator<Item = S> + 'file,
    whole: bool,
) -> Vec<ElfSymbol<'data>>
where
    'data: 'file,
{
    let mut sorted: Vec<ElfSymbol<'data>> = symbols
        .filter(|symbol| symbol.is_definition() && symbol.kind() == SymbolKind::Text)
        .filter_map(|symbol| {
            let address = symbol.address();
            Some(ElfSymbol {
                address,
                end: address.saturating_add(symbol.size()),
                local: symbol.is_local(),
                name: symbol.name().ok().filter(|name| !name.is_empty())?,
            })
        })
        .collect();
    sorted.sort_unstable_by_key(|symbol| (symbol.address, symbol.local, symbol.name));
    sorted.dedup_by_key(|symbol| symbol.address);
    if whole {
        reach_to_the_next(&mut sorted);
    }
    sorted
}

fn reach_to_the_next(sorted: &mut [ElfSymbol<'_>]) {
    let starts: Vec<u64> = sorted.iter().skip(1).map(|symbol| symbol.address).collect();
    for (symbol, next) in sorted.iter_mut().zip(starts) {
        if symbol.end == symbol.address {
            symbol.end = next;
        }
    }
}
