use super::*;

fn text(r: &[u8; 32], s: &[u8; 32], v: u8) -> String {
    format!("0x{}{}{v:02x}", hex::encode(r), hex::encode(s))
}

fn minus_one(mut number: [u8; 32]) -> [u8; 32] {
    number[31] -= 1;
    number
}

fn plus_one(mut number: [u8; 32]) -> [u8; 32] {
    number[31] += 1;
    number
}

const ONE: [u8; 32] = {
    let mut one = [0; 32];
    one[31] = 1;
    one
};

#[test]
fn the_edges_of_the_ranges() {
    use SignatureError::{HighS, OutOfRange};
    let cases = [
        (ONE, ONE, None),
        (minus_one(ORDER), ONE, None),
        (ONE, HALF_ORDER, None),
        (ONE, plus_one(HALF_ORDER), Some(HighS)),
        (ONE, minus_one(ORDER), Some(HighS)),
        (ORDER, ONE, Some(OutOfRange)),
        (ONE, ORDER, Some(OutOfRange)),
        (plus_one(ORDER), ONE, Some(OutOfRange)),
        ([0; 32], ONE, Some(OutOfRange)),
        (ONE, [0; 32], Some(OutOfRange)),
        ([0xff; 32], [0xff; 32], Some(OutOfRange)),
    ];
    for (r, s, refusal) in cases {
        assert_eq!(Signature::parse(&text(&r, &s, 27)).err(), refusal, "{r:x?} {s:x?}");
    }
}

#[test]
fn v_is_27_or_28_and_nothing_else() {
    for v in 0..=u8::MAX {
        let parsed = Signature::parse(&text(&ONE, &ONE, v));
        match v {
            27 | 28 => assert_eq!(parsed.unwrap().y_is_odd(), v == 28),
            _ => assert_eq!(parsed, Err(SignatureError::RecoveryId), "{v}"),
        }
    }
}

#[test]
fn every_other_form_is_refused_as_what_it_is() {
    let good = text(&ONE, &ONE, 27);
    let cases = [
        (String::new(), SignatureError::NotHex),
        ("0x".into(), SignatureError::Short),
        (good[2..].into(), SignatureError::NotHex),
        (good.replacen("0x", "0X", 1), SignatureError::NotHex),
        (format!("{good}0"), SignatureError::NotHex),
        (format!("{}g", &good[..131]), SignatureError::NotHex),
        (format!("{}\u{e9}", &good[..130]), SignatureError::NotHex),
        (good[..128].into(), SignatureError::Short),
        (good[..130].into(), SignatureError::Compact),
        (format!("{good}00"), SignatureError::Contract),
        (format!("{good}{ERC6492_MAGIC}"), SignatureError::Undeployed),
    ];
    for (text, refusal) in cases {
        assert_eq!(Signature::parse(&text), Err(refusal), "{text}");
    }
    let upper = format!("0x{}", good[2..].to_uppercase());
    assert_eq!(Signature::parse(&upper), Signature::parse(&good));
}

#[test]
fn the_half_order_is_half_the_order() {
    let mut carry = 1u16;
    let mut doubled = [0u8; 32];
    for (to, from) in doubled.iter_mut().zip(HALF_ORDER).rev() {
        carry += 2 * u16::from(from);
        *to = carry as u8;
        carry >>= 8;
    }
    assert_eq!(doubled, ORDER);
}

#[test]
fn a_malleated_twin_leads_back_to_the_account() {
    let variants = &crate::protocol::tests::vectors()["eip712_exact_upto"]["signature_variants"];
    let own = Signature::parse(variants["canonical"].as_str().unwrap()).unwrap();
    for name in ["v_as_0_1", "high_s"] {
        let text = variants[name].as_str().unwrap();
        assert!(Signature::parse(text).is_err(), "{name}");
        let mut bytes = [0; 65];
        hex::decode_to_slice(&text[2..], &mut bytes).unwrap();
        assert_eq!(Signature::of_twin(&bytes), Some(own), "{name}");
    }
    let mut nonsense = own.to_bytes();
    nonsense[64] = 99;
    assert_eq!(Signature::of_twin(&nonsense), None);
}

#[test]
fn what_no_account_could_sign_is_kept_for_a_contract() {
    let variants = &crate::protocol::tests::vectors()["eip712_exact_upto"]["signature_variants"];
    let wrapped = variants["erc6492_wrapped"].as_str().unwrap();
    let Ok(Presented::Wallet(digits)) = Presented::parse(wrapped) else { panic!() };
    let mut text = String::new();
    Presented::Wallet(digits).push(&mut text);
    assert_eq!(text, wrapped.to_ascii_lowercase());
    assert!(matches!(Presented::parse(&text_of(4_096)), Ok(Presented::Wallet(_))));
    assert_eq!(Presented::parse(&text_of(4_097)), Err(SignatureError::Contract));
    for short in [0, 63, 64] {
        assert!(Presented::parse(&text_of(short)).is_err(), "{short}");
    }
}

fn text_of(bytes: usize) -> String {
    format!("0x{}", "ab".repeat(bytes))
}
