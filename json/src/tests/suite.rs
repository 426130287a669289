//! The cases of JSONTestSuite (Nicolas Seriot, "Parsing JSON is a Minefield") by their names, with inputs of our own: `y_` has to be
//! taken, `n_` refused, and of `i_`, where RFC 8259 leaves it open, it is written down what we do.

use crate::{Duplicates, ErrorKind, Limits, parse};
use alloc::string::ToString;

const ACCEPTED: &[(&str, &[u8])] = &[
    ("y_array_arraysWithSpaces", b"[[]   ]"),
    ("y_array_empty-string", b"[\"\"]"),
    ("y_array_empty", b"[]"),
    ("y_array_ending_with_newline", b"[\"a\"]\n"),
    ("y_array_false", b"[false]"),
    ("y_array_heterogeneous", b"[null, 1, \"1\", {}]"),
    ("y_array_null", b"[null]"),
    ("y_array_with_1_and_newline", b"[1\n]"),
    ("y_array_with_leading_space", b" [1]"),
    ("y_array_with_several_null", b"[1,null,null,null,2]"),
    ("y_array_with_trailing_space", b"[2] "),
    ("y_number", b"[123e65]"),
    ("y_number_0e+1", b"[0e+1]"),
    ("y_number_0e1", b"[0e1]"),
    ("y_number_after_space", b"[ 4]"),
    ("y_number_double_close_to_zero", b"[-0.00000000000000000000000000000000000000000000000000000000000000000000001]"),
    ("y_number_int_with_exp", b"[20e1]"),
    ("y_number_minus_zero", b"[-0]"),
    ("y_number_negative_int", b"[-123]"),
    ("y_number_negative_one", b"[-1]"),
    ("y_number_negative_zero", b"[-0]"),
    ("y_number_real_capital_e", b"[1E22]"),
    ("y_number_real_capital_e_neg_exp", b"[1E-2]"),
    ("y_number_real_capital_e_pos_exp", b"[1E+2]"),
    ("y_number_real_exponent", b"[123e45]"),
    ("y_number_real_fraction_exponent", b"[123.456e78]"),
    ("y_number_real_neg_exp", b"[1e-2]"),
    ("y_number_real_pos_exponent", b"[1e+2]"),
    ("y_number_simple_int", b"[123]"),
    ("y_number_simple_real", b"[123.456789]"),
    ("y_object", b"{\"a\":\"b\", \"c\":\"d\"}"),
    ("y_object_basic", b"{\"a\":\"b\"}"),
    ("y_object_empty", b"{}"),
    ("y_object_empty_key", b"{\"\":0}"),
    ("y_object_escaped_null_in_key", b"{\"a\\u0000b\":0}"),
    ("y_object_extreme_numbers", b"{ \"min\": -1.0e+28, \"max\": 1.0e+28 }"),
    (
        "y_object_long_strings",
        b"{\"x\":[{\"id\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}], \"id\": \"xxxxxxxxxxxxxxxxxx\"}",
    ),
    ("y_object_simple", b"{\"a\":[]}"),
    ("y_object_string_unicode", "{\"title\":\"\\u041f\\u043e\\u043b\"}".as_bytes()),
    ("y_object_with_newlines", b"{\n\"a\": \"b\"\n}"),
    ("y_string_1_2_3_bytes_UTF-8_sequences", b"[\"\\u0060\\u012a\\u12AB\"]"),
    ("y_string_accepted_surrogate_pair", b"[\"\\uD801\\udc37\"]"),
    ("y_string_accepted_surrogate_pairs", b"[\"\\ud83d\\ude39\\ud83d\\udc8d\"]"),
    ("y_string_allowed_escapes", b"[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]"),
    ("y_string_backslash_and_u_escaped_zero", b"[\"\\\\u0000\"]"),
    ("y_string_backslash_doublequotes", b"[\"\\\"\"]"),
    ("y_string_comments", b"[\"a/*b*/c/*d//e\"]"),
    ("y_string_double_escape_a", b"[\"\\\\a\"]"),
    ("y_string_double_escape_n", b"[\"\\\\n\"]"),
    ("y_string_escaped_control_character", b"[\"\\u0012\"]"),
    ("y_string_escaped_noncharacter", b"[\"\\uFFFF\"]"),
    ("y_string_in_array", b"[\"asd\"]"),
    ("y_string_in_array_with_leading_space", b"[ \"asd\"]"),
    ("y_string_last_surrogates_1_and_2", b"[\"\\uDBFF\\uDFFF\"]"),
    ("y_string_nbsp_uescaped", b"[\"new\\u00A0line\"]"),
    ("y_string_nonCharacterInUTF-8_U+10FFFF", "[\"\u{10ffff}\"]".as_bytes()),
    ("y_string_nonCharacterInUTF-8_U+FFFF", "[\"\u{ffff}\"]".as_bytes()),
    ("y_string_null_escape", b"[\"\\u0000\"]"),
    ("y_string_one-byte-utf-8", b"[\"\\u002c\"]"),
    ("y_string_pi", "[\"\u{3c0}\"]".as_bytes()),
    ("y_string_reservedCharacterInUTF-8_U+1BFFF", "[\"\u{1bfff}\"]".as_bytes()),
    ("y_string_simple_ascii", b"[\"asd \"]"),
    ("y_string_space", b"\" \""),
    ("y_string_surrogates_U+1D11E_MUSICAL_SYMBOL_G_CLEF", b"[\"\\uD834\\uDd1e\"]"),
    ("y_string_three-byte-utf-8", b"[\"\\u0821\"]"),
    ("y_string_two-byte-utf-8", b"[\"\\u0123\"]"),
    ("y_string_u+2028_line_sep", "[\"\u{2028}\"]".as_bytes()),
    ("y_string_u+2029_par_sep", "[\"\u{2029}\"]".as_bytes()),
    ("y_string_uEscape", b"[\"\\u0061\\u30af\\u30EA\\u30b9\"]"),
    ("y_string_uescaped_newline", b"[\"new\\u000Aline\"]"),
    ("y_string_unescaped_char_delete", b"[\"\x7f\"]"),
    ("y_string_unicode", b"[\"\\uA66D\"]"),
    ("y_string_unicodeEscapedBackslash", b"[\"\\u005C\"]"),
    ("y_string_unicode_2", "[\"\u{2342}\u{3234}\u{2342}\"]".as_bytes()),
    ("y_string_unicode_U+10FFFE_nonchar", b"[\"\\uDBFF\\uDFFE\"]"),
    ("y_string_unicode_U+1FFFE_nonchar", b"[\"\\uD83F\\uDFFE\"]"),
    ("y_string_unicode_U+200B_ZERO_WIDTH_SPACE", b"[\"\\u200B\"]"),
    ("y_string_unicode_U+2064_invisible_plus", b"[\"\\u2064\"]"),
    ("y_string_unicode_U+FDD0_nonchar", b"[\"\\uFDD0\"]"),
    ("y_string_unicode_U+FFFE_nonchar", b"[\"\\uFFFE\"]"),
    ("y_string_unicode_escaped_double_quote", b"[\"\\u0022\"]"),
    ("y_string_utf8", "[\"\u{20ac}\u{1d11e}\"]".as_bytes()),
    ("y_string_with_del_character", b"[\"a\x7fa\"]"),
    ("y_structure_lonely_false", b"false"),
    ("y_structure_lonely_int", b"42"),
    ("y_structure_lonely_negative_real", b"-0.1"),
    ("y_structure_lonely_null", b"null"),
    ("y_structure_lonely_string", b"\"asd\""),
    ("y_structure_lonely_true", b"true"),
    ("y_structure_string_empty", b"\"\""),
    ("y_structure_trailing_newline", b"[\"a\"]\n"),
    ("y_structure_true_in_array", b"[true]"),
    ("y_structure_whitespace_array", b" [] "),
];

/// Taken where [`Duplicates::KeepLast`] says so, and refused by default: RFC 8259 section 4 only says that names SHOULD be unique.
const DUPLICATES: &[(&str, &[u8], &str)] = &[
    ("y_object_duplicated_key", b"{\"a\":\"b\",\"a\":\"c\"}", "{\"a\":\"c\"}"),
    ("y_object_duplicated_key_and_value", b"{\"a\":\"b\",\"a\":\"b\"}", "{\"a\":\"b\"}"),
];

const REFUSED: &[(&str, &[u8])] = &[
    ("n_array_1_true_without_comma", b"[1 true]"),
    ("n_array_a_invalid_utf8", b"[a\xe5]"),
    ("n_array_colon_instead_of_comma", b"[\"\": 1]"),
    ("n_array_comma_after_close", b"[\"\"],"),
    ("n_array_comma_and_number", b"[,1]"),
    ("n_array_double_comma", b"[1,,2]"),
    ("n_array_double_extra_comma", b"[\"x\",,]"),
    ("n_array_extra_close", b"[\"x\"]]"),
    ("n_array_extra_comma", b"[\"\",]"),
    ("n_array_incomplete", b"[\"x\""),
    ("n_array_incomplete_invalid_value", b"[x"),
    ("n_array_inner_array_no_comma", b"[3[4]]"),
    ("n_array_invalid_utf8", b"[\xff]"),
    ("n_array_items_separated_by_semicolon", b"[1:2]"),
    ("n_array_just_comma", b"[,]"),
    ("n_array_just_minus", b"[-]"),
    ("n_array_missing_value", b"[   , \"\"]"),
    ("n_array_newlines_unclosed", b"[\"a\",\n4\n,1,"),
    ("n_array_number_and_comma", b"[1,]"),
    ("n_array_number_and_several_commas", b"[1,,]"),
    ("n_array_spaces_vertical_tab_formfeed", b"[\"\x0ba\"\\f]"),
    ("n_array_star_inside", b"[*]"),
    ("n_array_unclosed", b"[\"\""),
    ("n_array_unclosed_trailing_comma", b"[1,"),
    ("n_array_unclosed_with_new_lines", b"[1,\n1\n,1"),
    ("n_array_unclosed_with_object_inside", b"[{}"),
    ("n_incomplete_false", b"[fals]"),
    ("n_incomplete_null", b"[nul]"),
    ("n_incomplete_true", b"[tru]"),
    ("n_multidigit_number_then_00", b"123\0"),
    ("n_number_++", b"[++1234]"),
    ("n_number_+1", b"[+1]"),
    ("n_number_+Inf", b"[+Inf]"),
    ("n_number_-01", b"[-01]"),
    ("n_number_-1.0.", b"[-1.0.]"),
    ("n_number_-2.", b"[-2.]"),
    ("n_number_-NaN", b"[-NaN]"),
    ("n_number_.-1", b"[.-1]"),
    ("n_number_.2e-3", b"[.2e-3]"),
    ("n_number_0.1.2", b"[0.1.2]"),
    ("n_number_0.3e+", b"[0.3e+]"),
    ("n_number_0.3e", b"[0.3e]"),
    ("n_number_0.e1", b"[0.e1]"),
    ("n_number_0_capital_E+", b"[0E+]"),
    ("n_number_0_capital_E", b"[0E]"),
    ("n_number_0e+", b"[0e+]"),
    ("n_number_0e", b"[0e]"),
    ("n_number_1.0e+", b"[1.0e+]"),
    ("n_number_1.0e-", b"[1.0e-]"),
    ("n_number_1.0e", b"[1.0e]"),
    ("n_number_1_000", b"[1 000.0]"),
    ("n_number_1eE2", b"[1eE2]"),
    ("n_number_2.e+3", b"[2.e+3]"),
    ("n_number_2.e-3", b"[2.e-3]"),
    ("n_number_2.e3", b"[2.e3]"),
    ("n_number_9.e+", b"[9.e+]"),
    ("n_number_Inf", b"[Inf]"),
    ("n_number_NaN", b"[NaN]"),
    ("n_number_U+FF11_fullwidth_digit_one", "[\u{ff11}]".as_bytes()),
    ("n_number_expression", b"[1+2]"),
    ("n_number_hex_1_digit", b"[0x1]"),
    ("n_number_hex_2_digits", b"[0x42]"),
    ("n_number_infinity", b"[Infinity]"),
    ("n_number_invalid+-", b"[0e+-1]"),
    ("n_number_invalid-negative-real", b"[-123.123foo]"),
    ("n_number_invalid-utf-8-in-bigger-int", b"[123\xe5]"),
    ("n_number_invalid-utf-8-in-exponent", b"[1e1\xe5]"),
    ("n_number_invalid-utf-8-in-int", b"[0\xe5]"),
    ("n_number_minus_infinity", b"[-Infinity]"),
    ("n_number_minus_sign_with_trailing_garbage", b"[-foo]"),
    ("n_number_minus_space_1", b"[- 1]"),
    ("n_number_neg_int_starting_with_zero", b"[-012]"),
    ("n_number_neg_real_without_int_part", b"[-.123]"),
    ("n_number_neg_with_garbage_at_end", b"[-1x]"),
    ("n_number_real_garbage_after_e", b"[1ea]"),
    ("n_number_real_with_invalid_utf8_after_e", b"[1e\xe5]"),
    ("n_number_real_without_fractional_part", b"[1.]"),
    ("n_number_starting_with_dot", b"[.123]"),
    ("n_number_with_alpha", b"[1.2a-3]"),
    ("n_number_with_alpha_char", b"[1.8011670033376514H-308]"),
    ("n_number_with_leading_zero", b"[012]"),
    ("n_object_bad_value", b"[\"x\", truth]"),
    ("n_object_bracket_key", b"{[: \"x\"}"),
    ("n_object_comma_instead_of_colon", b"{\"x\", null}"),
    ("n_object_double_colon", b"{\"x\"::\"b\"}"),
    ("n_object_emoji", "{\u{1f1e8}\u{1f1ed}}".as_bytes()),
    ("n_object_garbage_at_end", b"{\"a\":\"a\" 123}"),
    ("n_object_key_with_single_quotes", b"{key: 'value'}"),
    ("n_object_lone_continuation_byte_in_key_and_trailing_comma", b"{\"\xb9\":\"0\",}"),
    ("n_object_missing_colon", b"{\"a\" b}"),
    ("n_object_missing_key", b"{:\"b\"}"),
    ("n_object_missing_semicolon", b"{\"a\" \"b\"}"),
    ("n_object_missing_value", b"{\"a\":"),
    ("n_object_no-colon", b"{\"a\""),
    ("n_object_non_string_key", b"{1:1}"),
    ("n_object_non_string_key_but_huge_number_instead", b"{9999E9999:1}"),
    ("n_object_repeated_null_null", b"{null:null,null:null}"),
    ("n_object_several_trailing_commas", b"{\"id\":0,,,,,}"),
    ("n_object_single_quote", b"{'a':0}"),
    ("n_object_trailing_comma", b"{\"id\":0,}"),
    ("n_object_trailing_comment", b"{\"a\":\"b\"}/**/"),
    ("n_object_trailing_comment_open", b"{\"a\":\"b\"}/**//"),
    ("n_object_trailing_comment_slash_open", b"{\"a\":\"b\"}//"),
    ("n_object_trailing_comment_slash_open_incomplete", b"{\"a\":\"b\"}/"),
    ("n_object_two_commas_in_a_row", b"{\"a\":\"b\",,\"c\":\"d\"}"),
    ("n_object_unquoted_key", b"{a: \"b\"}"),
    ("n_object_unterminated-value", b"{\"a\":\"a"),
    ("n_object_with_single_string", b"{ \"foo\" : \"bar\", \"a\" }"),
    ("n_object_with_trailing_garbage", b"{\"a\":\"b\"}#"),
    ("n_single_space", b" "),
    ("n_string_1_surrogate_then_escape", b"[\"\\uD800\\\"]"),
    ("n_string_1_surrogate_then_escape_u", b"[\"\\uD800\\u\"]"),
    ("n_string_1_surrogate_then_escape_u1", b"[\"\\uD800\\u1\"]"),
    ("n_string_1_surrogate_then_escape_u1x", b"[\"\\uD800\\u1x\"]"),
    ("n_string_accentuated_char_no_quotes", "[\u{e9}]".as_bytes()),
    ("n_string_backslash_00", b"[\"\\\0\"]"),
    ("n_string_escape_x", b"[\"\\x00\"]"),
    ("n_string_escaped_backslash_bad", b"[\"\\\\\\\"]"),
    ("n_string_escaped_ctrl_char_tab", b"[\"\\\t\"]"),
    ("n_string_escaped_emoji", "[\"\\\u{1f300}\"]".as_bytes()),
    ("n_string_incomplete_escape", b"[\"\\\"]"),
    ("n_string_incomplete_escaped_character", b"[\"\\u00A\"]"),
    ("n_string_incomplete_surrogate", b"[\"\\uD834\\uDd\"]"),
    ("n_string_incomplete_surrogate_escape_invalid", b"[\"\\uD800\\uD800\\x\"]"),
    ("n_string_invalid-utf-8-in-escape", b"[\"\\u\xe5\"]"),
    ("n_string_invalid_backslash_esc", b"[\"\\a\"]"),
    ("n_string_invalid_unicode_escape", b"[\"\\uqqqq\"]"),
    ("n_string_invalid_utf8_after_escape", b"[\"\\\xe5\"]"),
    ("n_string_leading_uescaped_thinspace", b"[\\u0020\"asd\"]"),
    ("n_string_no_quotes_with_bad_escape", b"[\\n]"),
    ("n_string_octal_escape", b"[\"\\071\"]"),
    ("n_string_single_doublequote", b"\""),
    ("n_string_single_quote", b"['single quote']"),
    ("n_string_single_string_no_double_quotes", b"abc"),
    ("n_string_start_escape_unclosed", b"[\"\\"),
    ("n_string_unescaped_ctrl_char", b"[\"a\0a\"]"),
    ("n_string_unescaped_newline", b"[\"new\nline\"]"),
    ("n_string_unescaped_tab", b"[\"\t\"]"),
    ("n_string_unicode_CapitalU", b"\"\\UA66D\""),
    ("n_string_with_trailing_garbage", b"\"\"x"),
    ("n_structure_U+2060_word_joined", "[\u{2060}]".as_bytes()),
    ("n_structure_UTF8_BOM_no_data", b"\xef\xbb\xbf"),
    ("n_structure_angle_bracket_.", b"<.>"),
    ("n_structure_angle_bracket_null", b"[<null>]"),
    ("n_structure_array_trailing_garbage", b"[1]x"),
    ("n_structure_array_with_extra_array_close", b"[1]]"),
    ("n_structure_array_with_unclosed_string", b"[\"asd]"),
    ("n_structure_ascii-unicode-identifier", "a\u{e5}".as_bytes()),
    ("n_structure_capitalized_True", b"[True]"),
    ("n_structure_close_unopened_array", b"1]"),
    ("n_structure_comma_instead_of_closing_brace", b"{\"x\": true,"),
    ("n_structure_double_array", b"[][]"),
    ("n_structure_end_array", b"]"),
    ("n_structure_incomplete_UTF8_BOM", b"\xef\xbb{}"),
    ("n_structure_lone-invalid-utf-8", b"\xe5"),
    ("n_structure_lone-open-bracket", b"["),
    ("n_structure_no_data", b""),
    ("n_structure_null-byte-outside-string", b"[\0]"),
    ("n_structure_number_with_trailing_garbage", b"2@"),
    ("n_structure_object_followed_by_closing_object", b"{}}"),
    ("n_structure_object_unclosed_no_value", b"{\"\":"),
    ("n_structure_object_with_comment", b"{\"a\":/*comment*/\"b\"}"),
    ("n_structure_object_with_trailing_garbage", b"{\"a\": true} \"x\""),
    ("n_structure_open_array_apostrophe", b"['"),
    ("n_structure_open_array_comma", b"[,"),
    ("n_structure_open_array_open_object", b"[{"),
    ("n_structure_open_array_open_string", b"[\"a"),
    ("n_structure_open_array_string", b"[\"a\""),
    ("n_structure_open_object", b"{"),
    ("n_structure_open_object_close_array", b"{]"),
    ("n_structure_open_object_comma", b"{,"),
    ("n_structure_open_object_open_array", b"{["),
    ("n_structure_open_object_open_string", b"{\"a"),
    ("n_structure_open_object_string_with_apostrophes", b"{'a'"),
    ("n_structure_open_open", b"[\"\\{[\"\\{[\"\\{[\"\\{"),
    ("n_structure_single_eacute", b"\xe9"),
    ("n_structure_single_star", b"*"),
    ("n_structure_trailing_#", b"{\"a\":\"b\"}#{}"),
    ("n_structure_uescaped_LF_before_string", b"[\\u000A\"\"]"),
    ("n_structure_unclosed_array", b"[1"),
    ("n_structure_unclosed_array_partial_null", b"[ false, nul"),
    ("n_structure_unclosed_array_unfinished_false", b"[ true, fals"),
    ("n_structure_unclosed_array_unfinished_true", b"[ false, tru"),
    ("n_structure_unclosed_object", b"{\"asd\":\"asd\""),
    ("n_structure_unicode-identifier", "\u{e5}".as_bytes()),
    ("n_structure_whitespace_U+2060_word_joiner", "\u{2060}".as_bytes()),
    ("n_structure_whitespace_formfeed", b"[\x0c]"),
];

/// What RFC 8259 leaves open: whether we take it, and of a number what it is as a float.
const OPEN: &[(&str, &[u8], Outcome)] = &[
    ("i_number_double_huge_neg_exp", b"[123.456e-789]", Outcome::Float(Some(0.0))),
    ("i_number_huge_exp", b"[0.4e00669999999999999999999999999999999999999999999]", Outcome::Float(None)),
    ("i_number_neg_int_huge_exp", b"[-1e+9999]", Outcome::Float(None)),
    ("i_number_pos_double_huge_exp", b"[1.5e+9999]", Outcome::Float(None)),
    ("i_number_real_neg_overflow", b"[-123123e100000]", Outcome::Float(None)),
    ("i_number_real_pos_overflow", b"[123123e100000]", Outcome::Float(None)),
    ("i_number_real_underflow", b"[123e-10000000]", Outcome::Float(Some(0.0))),
    (
        "i_number_too_big_neg_int",
        b"[-123123123123123123123123123123]",
        Outcome::Float(Some(-123_123_123_123_123_123_123_123_123_123.0)),
    ),
    ("i_number_too_big_pos_int", b"[100000000000000000000]", Outcome::Float(Some(1e20))),
    (
        "i_number_very_big_negative_int",
        b"[-237462374673276894279832749832423479823246327846]",
        Outcome::Float(Some(-2.374_623_746_732_769e47)),
    ),
    ("i_object_key_lone_2nd_surrogate", b"{\"\\uDFAA\":0}", Outcome::Refused(ErrorKind::LoneSurrogate)),
    ("i_string_1st_surrogate_but_2nd_missing", b"[\"\\uDADA\"]", Outcome::Refused(ErrorKind::LoneSurrogate)),
    ("i_string_1st_valid_surrogate_2nd_invalid", b"[\"\\uD888\\u1234\"]", Outcome::Refused(ErrorKind::LoneSurrogate)),
    ("i_string_UTF-16LE_with_BOM", b"\xff\xfe[\0\"\0\xe9\0\"\0]\0", Outcome::Refused(ErrorKind::NotUtf8)),
    ("i_string_UTF-8_invalid_sequence", b"[\"\xe6\x97\xa5\xd1\x88\xfa\"]", Outcome::Refused(ErrorKind::NotUtf8)),
    ("i_string_UTF8_surrogate_U+D800", b"[\"\xed\xa0\x80\"]", Outcome::Refused(ErrorKind::NotUtf8)),
    ("i_string_incomplete_surrogate_and_escape_valid", b"[\"\\uD800\\n\"]", Outcome::Refused(ErrorKind::LoneSurrogate)),
    ("i_string_incomplete_surrogate_pair", b"[\"\\uDd1ea\"]", Outcome::Refused(ErrorKind::LoneSurrogate)),
    (
        "i_string_incomplete_surrogates_escape_valid",
        b"[\"\\uD800\\uD800\\n\"]",
        Outcome::Refused(ErrorKind::LoneSurrogate),
    ),
    ("i_string_invalid_lonely_surrogate", b"[\"\\ud800\"]", Outcome::Refused(ErrorKind::LoneSurrogate)),
    ("i_string_invalid_surrogate", b"[\"\\ud800abc\"]", Outcome::Refused(ErrorKind::LoneSurrogate)),
    ("i_string_invalid_utf-8", b"[\"\xff\"]", Outcome::Refused(ErrorKind::NotUtf8)),
    ("i_string_inverted_surrogates_U+1D11E", b"[\"\\uDd1e\\uD834\"]", Outcome::Refused(ErrorKind::LoneSurrogate)),
    ("i_string_iso_latin_1", b"[\"\xe9\"]", Outcome::Refused(ErrorKind::NotUtf8)),
    ("i_string_lone_second_surrogate", b"[\"\\uDFAA\"]", Outcome::Refused(ErrorKind::LoneSurrogate)),
    ("i_string_lone_utf8_continuation_byte", b"[\"\x81\"]", Outcome::Refused(ErrorKind::NotUtf8)),
    ("i_string_not_in_unicode_range", b"[\"\xf4\xbf\xbf\xbf\"]", Outcome::Refused(ErrorKind::NotUtf8)),
    ("i_string_overlong_sequence_2_bytes", b"[\"\xc0\xaf\"]", Outcome::Refused(ErrorKind::NotUtf8)),
    ("i_string_overlong_sequence_6_bytes", b"[\"\xfc\x83\xbf\xbf\xbf\xbf\"]", Outcome::Refused(ErrorKind::NotUtf8)),
    (
        "i_string_overlong_sequence_6_bytes_null",
        b"[\"\xfc\x80\x80\x80\x80\x80\"]",
        Outcome::Refused(ErrorKind::NotUtf8),
    ),
    ("i_string_truncated-utf-8", b"[\"\xe0\xff\"]", Outcome::Refused(ErrorKind::NotUtf8)),
    ("i_string_utf16BE_no_BOM", b"\0[\0\"\0\xe9\0\"\0]", Outcome::Refused(ErrorKind::NotUtf8)),
    ("i_string_utf16LE_no_BOM", b"[\0\"\0\xe9\0\"\0]\0", Outcome::Refused(ErrorKind::NotUtf8)),
    ("i_structure_UTF-8_BOM_empty_object", b"\xef\xbb\xbf{}", Outcome::Refused(ErrorKind::ByteOrderMark)),
];

/// What we do.
enum Outcome {
    /// The number is taken, and this is the nearest float, if there is one.
    Float(Option<f64>),
    Refused(ErrorKind),
}

#[test]
fn what_has_to_be_taken_is_and_is_written_as_the_same() {
    assert_eq!(ACCEPTED.len() + DUPLICATES.len(), 95);
    for (name, input) in ACCEPTED {
        let value = parse(input).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(parse(value.to_string().as_bytes()).as_ref(), Ok(&value), "{name}");
    }
}

#[test]
fn names_that_stand_twice_are_refused_or_the_last_counts() {
    for (name, input, last) in DUPLICATES {
        let error = parse(input).unwrap_err();
        assert_eq!((error.kind, error.offset), (ErrorKind::DuplicateName, 9), "{name}");
        let limits = Limits { duplicates: Duplicates::KeepLast, ..Limits::default() };
        assert_eq!(limits.parse(input).unwrap().to_string(), *last, "{name}");
    }
}

#[test]
fn what_has_to_be_refused_is() {
    for (name, input) in REFUSED {
        assert!(parse(input).is_err(), "{name}");
    }
}

#[test]
fn what_is_left_open_is_as_it_is_written_down() {
    for (name, input, outcome) in OPEN {
        match (parse(input), outcome) {
            (Ok(value), Outcome::Float(float)) => {
                let number = value.at(0).unwrap();
                assert_eq!(number.as_f64(), *float, "{name}");
                let text = core::str::from_utf8(&input[1..input.len() - 1]).unwrap();
                assert_eq!(number.to_string(), text, "{name}: kept exactly");
            }
            (Err(error), Outcome::Refused(kind)) => assert_eq!(error.kind, *kind, "{name}"),
            (found, _) => panic!("{name}: {found:?}"),
        }
    }
}

/// `n_structure_100000_opening_arrays`, `n_structure_open_array_object` and `i_structure_500_nested_arrays`.
#[test]
fn depth_is_bounded_however_deep_a_text_goes() {
    let limits = Limits { depth: usize::MAX, values: usize::MAX, ..Limits::default() };
    for opening in ["[", "[{\"\":"] {
        let text = opening.repeat(200_000);
        assert_eq!(parse(text.as_bytes()).unwrap_err().kind, ErrorKind::TooDeep { limit: 128 });
        assert_eq!(limits.parse(text.as_bytes()).unwrap_err().kind, ErrorKind::TooDeep { limit: 1000 });
    }
    let nested = |depth| [("[").repeat(depth), ("]").repeat(depth)].concat();
    assert!(limits.parse(nested(500).as_bytes()).is_ok());
    let deepest = limits.parse(nested(1000).as_bytes()).unwrap();
    assert_eq!(deepest.to_string(), nested(1000));
    assert_eq!(deepest.clone(), deepest);
    assert!(limits.parse(nested(1001).as_bytes()).is_err());
    assert!(parse(nested(128).as_bytes()).is_ok() && parse(nested(129).as_bytes()).is_err());
}
