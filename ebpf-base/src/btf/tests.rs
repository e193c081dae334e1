use super::*;

/// `int`; `struct { int a; int b; }`; `struct outer { that; int c:3; }`; a typedef of
/// it; a function with two parameters, `do_it`; `btf_trace_event`, a typedef of a
/// pointer to that; an enumeration with the member `one`.
fn sample(order: ByteOrder) -> Vec<u8> {
    let strings = b"\0outer\0a\0b\0c\0alias\0do_it\0btf_trace_event\0one\0";
    let kind = |kind: Kind, vlen: u32| kind.number() << 24 | vlen;
    let words: &[&[u32]] = &[
        &[0, kind(Kind::Int, 0), 4, 32],
        &[0, kind(Kind::Struct, 2), 8, 7, 1, 0, 9, 1, 32],
        &[
            1,
            1 << 31 | kind(Kind::Struct, 2),
            16,
            0,
            2,
            64,
            11,
            1,
            3 << 24 | 129,
        ],
        &[13, kind(Kind::Typedef, 0), 3],
        &[0, kind(Kind::FuncProto, 2), 1, 0, 1, 0, 1],
        &[19, kind(Kind::Func, 1), 5],
        &[0, kind(Kind::Ptr, 0), 5],
        &[25, kind(Kind::Typedef, 0), 7],
        &[0, kind(Kind::Enum, 1), 4, 41, 1],
    ];
    let to_bytes = |word: &u32| match order {
        ByteOrder::Little => word.to_le_bytes(),
        ByteOrder::Big => word.to_be_bytes(),
    };
    let types: Vec<u8> = words.concat().iter().flat_map(to_bytes).collect();
    let mut data = match order {
        ByteOrder::Little => vec![0x9f, 0xeb, 1, 0],
        ByteOrder::Big => vec![0xeb, 0x9f, 1, 0],
    };
    let [types_len, strings_len] = [types.len(), strings.len()].map(|length| length as u32);
    data.extend(
        [24, 0, types_len, types_len, strings_len]
            .iter()
            .flat_map(to_bytes),
    );
    data.extend(types);
    data.extend(strings);
    data
}

#[test]
fn both_byte_orders_are_read() {
    for order in [ByteOrder::Little, ByteOrder::Big] {
        let data = sample(order);
        let btf = Btf::parse(&data).expect("well-formed");
        assert_eq!(btf.len(), 9);
        assert_eq!(
            btf.field_offset("outer", "a"),
            Some(8),
            "in an anonymous one"
        );
        assert_eq!(btf.field_offset("outer", "b"), Some(12));
        assert_eq!(btf.field_offset("outer", "c"), None, "not on a byte");
        assert_eq!(btf.field_offset("outer", "d"), None);
        assert_eq!(btf.field_offset("alias", "a"), None, "not a struct");
        assert_eq!(btf.size(4), Some(16), "through the typedef");
        assert!(btf.has_enumerator("one") && !btf.has_enumerator("on"));
        let function = btf.find(Kind::Func, "do_it").expect("a function");
        assert!(Btf::is_global_function(&function));
        assert_eq!(btf.parameters(function), Some(2));
        let tracepoint = btf
            .find(Kind::Typedef, "btf_trace_event")
            .expect("a typedef");
        assert_eq!(btf.parameters(tracepoint), Some(2));
    }
}

#[test]
fn kind_and_whole_name_must_fit() {
    let data = sample(ByteOrder::Little);
    assert_eq!(find_id(&data, Kind::Func, "do_it"), Some(6));
    assert_eq!(find_id(&data, Kind::Typedef, "do_it"), None);
    assert_eq!(find_id(&data, Kind::Func, "do_"), None);
    assert_eq!(find_id(&data, Kind::Func, "do_it_not"), None);
}

#[test]
fn strings_end_at_their_nul() {
    let data = sample(ByteOrder::Little);
    let btf = Btf::parse(&data).expect("well-formed");
    assert_eq!(btf.string(1), "outer");
    assert_eq!(btf.string(3), "ter");
    assert_eq!(btf.string(u32::MAX), "");
}

#[test]
fn damaged_data_is_an_error_or_other_types_but_never_a_panic() {
    let whole = sample(ByteOrder::Little);
    let look = |data: &[u8]| {
        find_id(data, Kind::Func, "absent");
        if let Ok(btf) = Btf::parse(data) {
            btf.field_offset("outer", "b");
            btf.has_enumerator("absent");
            for id in 0..=btf.len() as u32 {
                btf.size(id);
                btf.resolve(id).and_then(|found| btf.parameters(found));
            }
        }
    };
    for length in 0..whole.len() {
        look(&whole[..length]);
    }
    for at in 0..whole.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut data = whole.clone();
            data[at] = value;
            look(&data);
        }
    }
}

#[test]
fn a_structure_that_contains_itself_has_an_end() {
    let mut data = sample(ByteOrder::Little);
    let nested = data.windows(4).position(|word| word == [7, 0, 0, 0]);
    let nested = nested.expect("the name of the first member");
    for at in [nested, nested + 12] {
        // No name, and its own type.
        data[at..at + 4].fill(0);
        data[at + 4..at + 8].copy_from_slice(&2_u32.to_le_bytes());
    }
    let btf = Btf::parse(&data).expect("well-formed");
    assert_eq!(btf.field_offset("outer", "b"), None);
}
