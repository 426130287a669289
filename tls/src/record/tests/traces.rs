//! RFC 8448 section 3: the protected records of a published connection are opened, and what was in them is sealed to the same
//! bytes.

use crate::level::Level;
use crate::record::header::{ContentType, HEADER_LEN};
use crate::record::keys::TrafficKeys;
use crate::record::reader::{Found, RecordReader};
use crate::record::writer::RecordWriter;
use crate::testing::hex;
use alloc::vec;
use alloc::vec::Vec;
use base::Side;
use crypto::Secret;

const SERVER_FLIGHT: &str = "\
    17030302a2d1ff334a56f5bff6594a07cc87b580233f500f45e489e7f33af35edf7869fcf40aa40aa2b8ea73f848a7ca07612ef9f945\
    cb960b4068905123ea78b111b429ba9191cd05d2a389280f526134aadc7fc78c4b729df828b5ecf7b13bd9aefb0e57f271585b8ea9bb\
    355c7c79020716cfb9b1183ef3ab20e37d57a6b9d7477609aee6e122a4cf51427325250c7d0e509289444c9b3a648f1d71035d2ed65b\
    0e3cdd0cbae8bf2d0b227812cbb360987255cc744110c453baa4fcd610928d809810e4b7ed1a8fd991f06aa6248204797e36a6a73b70\
    a2559c09ead686945ba246ab66e5edd8044b4c6de3fcf2a89441ac66272fd8fb330ef8190579b3684596c960bd596eea520a56a8d650\
    f563aad27409960dca63d3e688611ea5e22f4415cf9538d51a200c27034272968a264ed6540c84838d89f72c24461aad6d26f59ecaba\
    9acbbb317b66d902f4f292a36ac1b639c637ce343117b659622245317b49eeda0c6258f100d7d961ffb138647e92ea330faeea6dfa31\
    c7a84dc3bd7e1b7a6c7178af36879018e3f252107f243d243dc7339d5684c8b0378bf30244da8c87c843f5e56eb4c5e8280a2b48052c\
    f93b16499a66db7cca71e4599426f7d461e66f99882bd89fc50800becca62d6c74116dbd2972fda1fa80f85df881edbe5a37668936b3\
    35583b599186dc5c6918a396fa48a181d6b6fa4f9d62d513afbb992f2b992f67f8afe67f76913fa388cb5630c8ca01e0c65d11c66a1e\
    2ac4c85977b7c7a6999bbf10dc35ae69f5515614636c0b9b68c19ed2e31c0b3b66763038ebba42f3b38edc0399f3a9f23faa63978c31\
    7fc9fa66a73f60f0504de93b5b845e275592c12335ee340bbc4fddd502784016e4b3be7ef04dda49f4b440a30cb5d2af939828fd4ae3\
    794e44f94df5a631ede42c1719bfdabf0253fe5175be898e750edc53370d2b";

const CLIENT_FINISHED: &str = "\
    170303003575ec4dc238cce60b298044a71e219c56cc77b0517fe9b93c7a4bfc44d87f38f80338ac98fc46deb384bd1caeacab6867d7\
    26c40546";

const TICKET: &str = "\
    17030300de3a6b8f90414a97d6959c3487680de5134a2b240e6cffac116e95d41d6af8f6b580dcf3d11d63c758db289a015940252f55\
    713e061dc13e078891a38efbcf5753ad8ef170ad3c7353d16d9da773b9ca7f2b9fa1b6c0d4a3d03f75e09c30ba1e62972ac46f75f7b9\
    81be63439b2999ce13064615139891d5e4c5b406f16e3fc181a77ca475840025db2f0a77f81b5ab05b94c01346755f69232c86519d86\
    cbeeac87aac347d143f9605d64f650db4d023e70e952ca49fe5137121c74bc2697687e248746d6df353005f3bce18696129c8153556b\
    3b6c6779b37bf15985684f";

const CLIENT_DATA: &str = "\
    1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b62974e1f5a62\
    92a2977014bd1e3deae63aeebb21694915e4";

const SERVER_DATA: &str = "\
    17030300432e937e11ef4ac740e538ad36005fc4a46932fc3225d05f82aa1b36e30efaf97d90e6dffc602dcb501a59a8fcc49c4bf2e5\
    f0a21c0047c2abf332540dd032e167c2955d";

const CLIENT_CLOSE: &str = "\
    1703030013c9872760655666b74d7ff1153efd6db6d0b0e3";

const SERVER_CLOSE: &str = "\
    1703030013b58fd67166ebf599d24720cfbe7efa7a8864a9";

const CLIENT_HANDSHAKE: &str = "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21";
const SERVER_HANDSHAKE: &str = "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38";
const CLIENT_APPLICATION: &str = "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5";
const SERVER_APPLICATION: &str = "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643";

/// The records that one secret protects, in their order, with their type and how long their content is.
fn check(secret: &str, records: &[(&str, ContentType, usize)]) -> Vec<Vec<u8>> {
    let keys = || TrafficKeys::new(crypto_ring::PROVIDER.initial, Secret::new(&hex(secret)));
    let mut reader = RecordReader::new(16_385);
    reader.set_keys(Level::OneRtt, keys());
    let mut writer = RecordWriter::new(Side::Server, 1, u64::MAX);
    writer.set_keys(keys());
    let mut contents = Vec::new();
    for (published, kind, len) in records {
        let published = hex(published);
        let mut bytes = published.clone();
        let Ok(Found::Record(record)) = reader.read(&mut bytes) else { panic!("not opened") };
        assert_eq!(
            (record.kind, record.len, record.content.clone()),
            (*kind, bytes.len(), HEADER_LEN..HEADER_LEN + len)
        );
        let content = bytes[record.content].to_vec();
        writer.push(*kind, &content).unwrap();
        let mut sealed = vec![0; 1000];
        let written = writer.take(&mut sealed);
        assert_eq!(sealed[..written], published);
        contents.push(content);
    }
    contents
}

#[test]
fn published_records_are_opened_and_made() {
    use ContentType::{Alert, ApplicationData, Handshake};
    let flight = check(SERVER_HANDSHAKE, &[(SERVER_FLIGHT, Handshake, 657)]);
    assert_eq!((flight[0][0], &flight[0][657 - 36..][..4]), (8, &[20, 0, 0, 32][..]));
    let finished = check(CLIENT_HANDSHAKE, &[(CLIENT_FINISHED, Handshake, 36)]);
    assert_eq!(finished[0][..4], [20, 0, 0, 32]);
    let text: Vec<u8> = (0..50).collect();
    let client = [(CLIENT_DATA, ApplicationData, 50), (CLIENT_CLOSE, Alert, 2)];
    assert_eq!(check(CLIENT_APPLICATION, &client), [text.clone(), vec![1, 0]]);
    let server = [(TICKET, Handshake, 205), (SERVER_DATA, ApplicationData, 50), (SERVER_CLOSE, Alert, 2)];
    let said = check(SERVER_APPLICATION, &server);
    assert_eq!((said[0][0], &said[1], &said[2][..]), (4, &text, &[1, 0][..]));
}
