"""Write the software bill of materials of wheels beside them, as CycloneDX: ``WHEEL.cdx.json``.

It lists the contents: prelunet, pybind11's headers, the digits, and the runtime libraries that
auditwheel bundled. An unknown library is an error: first review its license and add the required
texts to licenses/.
"""

import hashlib
import json
import re
import sys
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path
from typing import NamedTuple

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import (
    ExternalReference,
    ExternalReferenceType,
    HashAlgorithm,
    HashType,
    XsUri,
)
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License, LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

BUNDLED = re.compile(r"prelunet\.libs/[^/]+|prelunet/\.dylibs/[^/]+")
GCC_RUNTIME = "GPL-3.0-or-later WITH GCC-exception-3.1"
LLVM_RUNTIME = "Apache-2.0 WITH LLVM-exception"
MICROSOFT_RUNTIME = "LicenseRef-Visual-Studio-Redistributable"


class Runtime(NamedTuple):
    """A library that a repaired wheel may bundle; file and package names are prefixes."""

    name: str
    package: str
    license: str
    website: str


RUNTIMES = [
    Runtime("libgomp", "libgomp", GCC_RUNTIME, "https://gcc.gnu.org/projects/gomp/"),
    Runtime("libstdc++", "libstdc++", GCC_RUNTIME, "https://gcc.gnu.org/onlinedocs/libstdc++/"),
    Runtime("libgcc_s", "libgcc", GCC_RUNTIME, "https://gcc.gnu.org"),
    Runtime("libomp", "libomp", LLVM_RUNTIME, "https://openmp.llvm.org"),
    Runtime("msvcp140", "msvcp140", MICROSOFT_RUNTIME, "https://learn.microsoft.com/cpp/windows/"),
]


def component(name: str, license_expression: str, website: str, **more: object) -> Component:
    reference = ExternalReference(type=ExternalReferenceType.WEBSITE, url=XsUri(website))
    return Component(
        name=name,
        licenses=[LicenseFactory().make_from_string(license_expression)],
        external_references=[reference],
        **more,  # type: ignore[arg-type]
    )


def license_text(found: License) -> str:
    if isinstance(found, LicenseExpression):
        return found.value
    return found.id or found.name


def sha256(data: bytes) -> list[HashType]:
    return [HashType(alg=HashAlgorithm.SHA_256, content=hashlib.sha256(data).hexdigest())]


def packages(wheel: zipfile.ZipFile) -> list[dict[str, str]]:
    """Return the system packages that contain the libraries, according to auditwheel."""
    found = [name for name in wheel.namelist() if name.endswith("/sboms/auditwheel.cdx.json")]
    return json.loads(wheel.read(found[0]))["components"] if found else []


def runtime_component(file: str, wheel: zipfile.ZipFile) -> Component:
    name = Path(file).name
    known = [runtime for runtime in RUNTIMES if name.startswith(runtime.name)]
    if not known:
        raise ValueError(f"{file}: unknown library; review its license first")
    runtime = known[0]
    source = [p for p in packages(wheel) if p["name"].startswith(runtime.package)]
    return component(
        runtime.name,
        runtime.license,
        runtime.website,
        bom_ref=file,
        description=f"bundled as {file}",
        version=source[0]["version"] if source else None,
        purl=PackageURL.from_string(source[0]["purl"]) if source else None,
        hashes=sha256(wheel.read(file)),
    )


def bill(path: Path) -> Bom:
    bom = Bom()
    with zipfile.ZipFile(path) as wheel:
        names = wheel.namelist()
        metadata_name = next(name for name in names if name.endswith(".dist-info/METADATA"))
        metadata: Message = Parser().parsestr(wheel.read(metadata_name).decode())
        parts = [runtime_component(name, wheel) for name in names if BUNDLED.fullmatch(name)]
        digits = wheel.read("prelunet/data/digits.npz")
    version = metadata["Version"]
    whole = component(
        "prelunet",
        metadata["License-Expression"],
        "https://pypi.org/project/prelunet/",
        version=version,
        bom_ref=path.name,
        purl=PackageURL("pypi", None, "prelunet", version, {"file_name": path.name}),
        hashes=sha256(path.read_bytes()),
    )
    parts.append(
        component(
            "pybind11",
            "BSD-3-Clause",
            "https://github.com/pybind/pybind11",
            bom_ref="pybind11",
            description="headers, compiled into prelunet/_core",
        )
    )
    parts.append(
        component(
            "Optical Recognition of Handwritten Digits",
            "CC-BY-4.0",
            "https://doi.org/10.24432/C50P49",
            type=ComponentType.DATA,
            bom_ref="prelunet/data/digits.npz",
            copyright="E. Alpaydin and C. Kaynak, 1998",
            description="prelunet/data/digits.npz: 1,797 digits, as uint8, otherwise unchanged",
            hashes=sha256(digits),
        )
    )
    bom.metadata.component = whole
    bom.components.update(parts)
    bom.register_dependency(whole, parts)
    return bom


def main() -> None:
    for path in map(Path, sys.argv[1:]):
        bom = bill(path)
        text = JsonV1Dot6(bom).output_as_string(indent=2)
        error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
        if error is not None:
            sys.exit(f"{path.name}: {error}")
        Path(f"{path}.cdx.json").write_text(text + "\n")
        print(f"{path.name}.cdx.json")
        for part in sorted(bom.components, key=lambda part: part.name):
            terms = ", ".join(map(license_text, part.licenses))
            print(f"  {part.name} {part.version or '(version not known)'}: {terms}")


if __name__ == "__main__":
    main()
