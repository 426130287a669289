"""The certificates of a run: an authority, another one, and leaves that are good, too old, or for somebody else."""

import base64
import datetime
import hashlib
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.datetime.now(datetime.timezone.utc)
DAY = datetime.timedelta(days=1)


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def write(folder, stem, certificate, key):
    (folder / f"{stem}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / f"{stem}.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


def authority(folder, stem):
    key = ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name(stem))
        .issuer_name(name(stem))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - 30 * DAY)
        .not_valid_after(NOW + 30 * DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    write(folder, stem, certificate, key)
    return certificate, key


def leaf(folder, stem, issuer, issuer_key, names, begin, end):
    key = ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name(stem))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
        .sign(issuer_key, hashes.SHA256())
    )
    write(folder, stem, certificate, key)


def make(folder):
    """Writes authority.pem, stranger.pem, and good, expired and elsewhere as .pem and .key."""
    issuer, issuer_key = authority(folder, "authority")
    authority(folder, "stranger")
    here = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    leaf(folder, "good", issuer, issuer_key, here, NOW - DAY, NOW + 10 * DAY)
    leaf(folder, "expired", issuer, issuer_key, here, NOW - 20 * DAY, NOW - 2 * DAY)
    leaf(folder, "elsewhere", issuer, issuer_key, [x509.DNSName("elsewhere.test")], NOW - DAY, NOW + 10 * DAY)


def key_hash(path):
    """The hash of the public key of a certificate, as Chromium wants it."""
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    spki = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(hashlib.sha256(spki).digest()).decode()


def make_chain(folder, length):
    """Writes ca.pem, cert.pem with so many certificates, and priv.key, as the interop runner does; gives the folder. Keys of RSA
    and long names, so that nine certificates are more than a server may send before it knows its client."""
    folder.mkdir(parents=True, exist_ok=True)
    key = rsa.generate_private_key(65537, 2048)
    issuer, issuer_key, chain = name("authority"), key, []
    (folder / "ca.pem").write_bytes(pem(signed(issuer, issuer, key, key, length, [])))
    for number in range(length):
        is_leaf = number == length - 1
        key = rsa.generate_private_key(65537, 2048)
        subject = x509.Name([
            x509.NameAttribute(NameOID.COMMON_NAME, "leaf" if is_leaf else f"intermediate {number}"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "a name that is as long as names may be".ljust(64, "x")),
        ])
        names = [x509.DNSName("localhost"), *[x509.IPAddress(ipaddress.ip_address(text)) for text in ("127.0.0.1", "::1")]]
        chain.insert(0, signed(subject, issuer, key, issuer_key, length - number, names if is_leaf else []))
        issuer, issuer_key = subject, key
    (folder / "cert.pem").write_bytes(b"".join(pem(certificate) for certificate in chain))
    (folder / "priv.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


def signed(subject, issuer, key, issuer_key, path_length, names):
    """A certificate: of a server if there are names, else of an authority."""
    is_leaf = bool(names)
    usage = x509.KeyUsage(is_leaf, False, False, False, False, not is_leaf, not is_leaf, False, False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + 10 * DAY)
        .add_extension(x509.BasicConstraints(ca=not is_leaf, path_length=None if is_leaf else path_length), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if is_leaf:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())
