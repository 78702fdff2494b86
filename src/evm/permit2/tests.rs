use super::*;
use crate::protocol::tests::vectors;

fn address(value: &serde_json::Value) -> Address {
    Address::parse(value.as_str().unwrap()).unwrap()
}

fn number(value: &serde_json::Value) -> Amount {
    Amount::parse(value.as_str().unwrap()).unwrap()
}

#[test]
fn hashes_are_the_sdks() {
    for name in ["base_sepolia_permit2", "base_sepolia_upto"] {
        let entry = &vectors()["eip712_exact_upto"][name];
        let signed = &entry["paymentPayload"]["payload"]["permit2Authorization"];
        let witness = &signed["witness"];
        let permit = Permit {
            from: address(&signed["from"]),
            token: address(&signed["permitted"]["token"]),
            amount: number(&signed["permitted"]["amount"]),
            spender: address(&signed["spender"]),
            nonce: number(&signed["nonce"]),
            deadline: number(&signed["deadline"]),
            witness: Witness {
                to: address(&witness["to"]),
                facilitator: witness.get("facilitator").map(address),
                valid_after: number(&witness["validAfter"]),
            },
        };
        let hex = |bytes: [u8; 32]| format!("0x{}", hex::encode(bytes));
        let typed = &entry["eip712"];
        let domain = domain_separator(84_532);
        assert_eq!(typed["domainSeparator"], hex(domain), "{name}");
        assert_eq!(typed["structHash"], hex(permit.struct_hash()), "{name}");
        assert_eq!(typed["digest"], hex(permit.digest(&domain)), "{name}");
    }
}

#[test]
fn hashes_of_types_are_those_of_their_texts() {
    let tokens = "TokenPermissions(address token,uint256 amount)";
    assert_eq!(keccak256([tokens.as_bytes()]), TOKEN_PERMISSIONS);
    let permit = "PermitWitnessTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,\
                  uint256 deadline,Witness witness)";
    let exact = "Witness(address to,uint256 validAfter)";
    let upto = "Witness(address to,address facilitator,uint256 validAfter)";
    for (types, witness) in [(&EXACT, exact), (&UPTO, upto)] {
        assert_eq!(keccak256([witness.as_bytes()]), types.witness);
        // Referenced types follow their user in the order of their names (EIP-712, "encodeType").
        assert_eq!(keccak256([permit.as_bytes(), tokens.as_bytes(), witness.as_bytes()]), types.permit);
    }
}

#[test]
fn the_contracts_are_where_the_specification_says() {
    assert_eq!(PERMIT2.to_string(), "0x000000000022D473030F116dDEE9F6B43aC78BA3");
    assert_eq!(EXACT_PROXY.to_string(), "0x402085c248EeA27D92E8b30b2C58ed07f9E20001");
    assert_eq!(UPTO_PROXY.to_string(), "0x4020A4f3b7b90ccA423B9fabCc0CE57C6C240002");
}
