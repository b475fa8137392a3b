"""A certificate authority for one run: it exists in a temporary directory and signs for loopback."""

import datetime
import ipaddress
import itertools
import pathlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


def write_key(path, key):
    path.write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    path.chmod(0o600)
    return path


class Authority:
    def __init__(self, directory, name):
        self.directory, self.name = pathlib.Path(directory), name
        self.key, self.issued = ec.generate_private_key(ec.SECP256R1()), itertools.count(1)
        self.subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self.directory / f"{name}.crt"
        self._sign(self.certificate, self.subject, self.key, [
            (x509.BasicConstraints(ca=True, path_length=0), True),
            (x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), False)])

    def pem(self):
        return self.certificate.read_text()

    def server(self, name):
        """A certificate and its key for a server on loopback."""
        names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        return self._issue(name, [], [(names, False)], ExtendedKeyUsageOID.SERVER_AUTH)

    def client(self, common_name, *organizations):
        """A certificate and its key for a client: to Kubernetes, the user `common_name` in the groups `organizations`."""
        return self._issue(common_name, organizations, [], ExtendedKeyUsageOID.CLIENT_AUTH)

    def _issue(self, common_name, organizations, extensions, usage):
        subject = x509.Name([*(x509.NameAttribute(NameOID.ORGANIZATION_NAME, o) for o in organizations),
                             x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        key = ec.generate_private_key(ec.SECP256R1())
        stem = f"{self.name}-{common_name}-{next(self.issued)}"
        self._sign(self.directory / f"{stem}.crt", subject, key, [
            *extensions, (x509.BasicConstraints(ca=False, path_length=None), True), (x509.ExtendedKeyUsage([usage]), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False)])
        return self.directory / f"{stem}.crt", write_key(self.directory / f"{stem}.key", key)

    def _sign(self, path, subject, key, extensions):
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(self.subject).public_key(key.public_key())
                   .serial_number(x509.random_serial_number())
                   .not_valid_before(now - datetime.timedelta(minutes=5)).not_valid_after(now + datetime.timedelta(days=1)))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        path.write_bytes(builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
