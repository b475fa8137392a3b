//! The known attacks on JWS and JWT (RFC 8725 and what has been published since), through the public interface: what is
//! refused, and under which stable name. Which test holds which class:
//!
//! | class | test |
//! |---|---|
//! | `alg` none, empty, missing, in another case | `header`: `alg_none_in_any_case_with_or_without_a_signature`, `alg_missing_or_not_a_string`, `alg_is_an_exact_name` |
//! | a public key as an HMAC secret | `header::a_public_key_is_never_an_hmac_secret` |
//! | `alg` that is not the key's or not allowed | `header`: `the_key_binds_the_algorithm`, `the_rules_bind_the_algorithm`; `signatures::the_padding_and_the_hash_are_those_of_alg`; `keys::types_curves_and_algorithms_that_do_not_fit` |
//! | `jwk`, `x5c`, `jku`, `x5u` | `header::keys_and_addresses_of_keys_in_the_token_are_never_read` |
//! | `kid` as a path, SQL, URL; long, absent, of another type; twice in a set | `header`: `kid_is_an_opaque_name`, `a_token_without_kid_is_tried_with_few_keys_of_its_algorithm_only`; `keys::two_keys_of_one_name_are_ambiguous` |
//! | `use` and `key_ops` | `keys::keys_for_other_uses` |
//! | `crit` | `header::critical_extensions_are_refused_whatever_they_list` |
//! | `b64`, `zip`, `cty`; detached and nested payloads | `header::unencoded_compressed_and_nested_payloads`; `shape::a_detached_payload_and_a_token_inside_a_token` |
//! | JWE, JSON serialisation, other numbers of parts | `shape::three_parts_and_nothing_else` |
//! | `typ` of another kind of token | `header::a_token_of_one_kind_never_passes_for_another` |
//! | base64 in another form | `shape`: `base64url_has_one_form`, `base64url_has_no_bits_left_over` |
//! | JSON: members twice, in another case, trailing data, depth, numbers, surrogates, comments | `shape`: `members_given_twice`, `json_that_is_not_one_strict_object`; `claims::names_of_claims_are_not_folded` |
//! | ECDSA: r and s out of range, DER, other lengths | `signatures`: `psychic_signatures_and_numbers_out_of_range`, `ecdsa_signatures_have_one_length_and_are_not_der`; Wycheproof |
//! | RSA padding | `signatures::rsa_signatures_are_of_the_modulus_length`; Wycheproof |
//! | RSA keys: size, exponent, ROCA | `keys`: `weak_and_malformed_rsa_keys`, `rsa_keys_whose_secret_can_be_computed` |
//! | salt of PSS | `signatures::the_padding_and_the_hash_are_those_of_alg`; Wycheproof |
//! | EdDSA: points of small order, S above the order, Ed448 | `keys::ed25519_keys_of_small_order_with_which_everybody_can_sign`; `signatures::eddsa_signatures_are_canonical`; Wycheproof |
//! | points off the curve | `keys::points_that_are_not_on_the_curve_or_of_another_length` |
//! | private and symmetric keys in a set | `keys`: `a_published_private_key_is_not_used`, `shared_secrets_are_not_keys` |
//! | `exp` absent, of another type, out of range, now | `claims`: `a_token_expires`, `a_date_of_the_wrong_type_is_not_an_absent_date` |
//! | `nbf` and `iat` in the future or after `exp`, leeway | `claims`: `a_token_from_the_future`, `a_token_that_ends_before_it_begins_is_never_valid`, `leeway_after_the_end_is_not_leeway_before_the_beginning` |
//! | `aud` absent, empty, of another type, similar | `claims::the_audience_is_a_whole_member` |
//! | `iss` similar, aliases, templates | `claims`: `the_issuer_is_equal_to_the_last_octet`, `the_other_version_of_an_entra_tenant_is_told_apart_from_another_tenant` |
//! | one kind of token for another | `claims`: `an_id_token_is_not_an_access_token`, `a_token_for_kubernetes_may_be_an_id_token_and_need_not_have_a_subject`; `spiffe` |
//! | a proof of possession is missing | `claims::a_bound_token_is_not_a_bearer_token` |
//! | size, many dots | `shape::length_is_checked_before_anything_else` |
//! | key sets: size, number of keys, other documents | `keys::documents_that_are_not_key_sets` |
//! | what is printed: forged lines, secrets, persons | `shape::what_a_refusal_prints_is_bounded_and_harmless`; `keys::debug_prints_no_key_material`; `claims::nothing_personal_is_printed` |
//!
//! Wycheproof's vectors run beside the code (`src/verify/wycheproof.rs`). What needs an issuer to talk to (floods, endpoints,
//! caches, names) is in `crates/authn/tests/attacks.rs`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod claims;
mod header;
mod keys;
mod mutation;
mod shape;
mod signatures;
mod spiffe;
mod support;

#[test]
fn the_map_names_tests_that_there_are() {
    let sources = [
        include_str!("claims.rs"),
        include_str!("header.rs"),
        include_str!("keys.rs"),
        include_str!("shape.rs"),
        include_str!("signatures.rs"),
    ];
    let rows = include_str!("main.rs").lines().filter_map(|line| line.strip_prefix("//! |")).skip(2);
    let mut named = 0;
    for (row, tests) in rows.filter_map(|row| row.rsplit_once(" | ").map(|(_, tests)| (row, tests))) {
        // What stands in quotes and has an underscore is a test; modules have none.
        for name in tests.split('`').skip(1).step_by(2).filter(|name| name.contains('_')) {
            let function = format!("fn {}()", name.rsplit("::").next().unwrap_or(name));
            assert!(sources.iter().any(|source| source.contains(&function)), "{name} in {row}");
            named += 1;
        }
    }
    assert!(named > 40, "{named}");
}
