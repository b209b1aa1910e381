"""Render the recipe for conda-forge for every platform that it is for.

conda-forge's linter is not on PyPI. Rendering checks the recipe's schema, its expressions and its
conditions. The variants below are like those that conda-forge gives.
"""

from pathlib import Path

from rattler_build import RenderConfig, Stage0Recipe
from rattler_build.tool_config import PlatformConfig
from rattler_build.variant_config import VariantConfig

RECIPE = Path(__file__).resolve().parents[1] / "recipe" / "recipe.yaml"
VARIANTS = """
python: ["3.11.* *_cpython", "3.12.* *_cpython", "3.13.* *_cp313"]
cxx_compiler: [{compiler}]
cxx_compiler_version: ["14"]
c_stdlib: [{library}]
c_stdlib_version: ["2.17"]
"""
# Each platform with its compiler, its C library, and what OpenMP needs in the host environment.
PLATFORMS = {
    "linux-64": ("gxx", "sysroot", "libgomp"),
    "linux-aarch64": ("gxx", "sysroot", "libgomp"),
    "osx-arm64": ("clangxx", "macosx_deployment_target", "llvm-openmp"),
}


def main() -> None:
    recipe = Stage0Recipe.from_file(RECIPE)
    for name, (compiler, library, openmp) in PLATFORMS.items():
        platform = PlatformConfig(
            target_platform=name, build_platform="linux-64", host_platform=name
        )
        variants = VariantConfig.from_yaml(VARIANTS.format(compiler=compiler, library=library))
        rendered = recipe.render(variants, RenderConfig(platform=platform))
        assert len(rendered) == 3, f"{name}: expected 3 packages, got {len(rendered)}"
        for variant in rendered:
            found = variant.recipe.to_dict()
            needed = found["requirements"]
            assert any(p.startswith(f"{compiler}_{name} ") for p in needed["build"]), needed
            assert openmp in needed["host"], needed
            package = found["package"]
            print(f"{name}: {package['name']} {package['version']} {found['build']['string']}")


if __name__ == "__main__":
    main()
