"""What all descriptions are built from: validators, the base of records, optional packages."""

from __future__ import annotations

import importlib
import inspect
import math
import re
from dataclasses import KW_ONLY
from fractions import Fraction

import numpy as np
import pytest

import prelunet as pn
from prelunet import _validation, schedules
from prelunet._description import Description, checked
from prelunet._extras import require
from prelunet.losses import Loss

# ---- validators --------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [2, 2.0, np.float32(2), np.int8(2), Fraction(4, 2)])
def test_real_returns_a_float(value):
    number = _validation.real("F", "x", value)
    assert type(number) is float
    assert number == 2.0


def test_bounds_of_real():
    check = _validation.real
    assert check("F", "x", 0, minimum=0) == 0
    assert check("F", "x", 1, maximum=1) == 1
    for bounds, expected in [
        ({"minimum": 1}, ">= 1"),
        ({"exclusive_minimum": 0.5}, "> 0.5"),
        ({"maximum": -1}, "<= -1"),
        ({"exclusive_maximum": 0.5, "minimum": 0}, ">= 0 and < 0.5"),
    ]:
        message = rf"^F: x must be a finite number {expected}, got 0\.5$"
        with pytest.raises(ValueError, match=message):
            check("F", "x", 0.5, **bounds)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float32("nan"), 10**400])
def test_real_is_finite(value):
    with pytest.raises(ValueError, match=r"^F: x must be a finite number, got "):
        _validation.real("F", "x", value)


@pytest.mark.parametrize("value", [True, np.True_, "1", None, 1j, [1.0], np.ones(1)])
def test_real_is_a_number(value):
    with pytest.raises(TypeError, match=r"^F: x must be a finite number, got "):
        _validation.real("F", "x", value)


def test_integers():
    for value in (3, np.int64(3), np.uint8(3)):
        number = _validation.integer("F", "n", value, minimum=3, maximum=3)
        assert type(number) is int
        assert number == 3
    for value in (2, 4):
        with pytest.raises(ValueError, match=rf"^F: n must be .* >= 3 and <= 3, got {value}$"):
            _validation.integer("F", "n", value, minimum=3, maximum=3)
    for value in (True, np.False_, 3.0, "3", None, math.nan):
        with pytest.raises(TypeError, match=r"^F: n must be an integer, got "):
            _validation.integer("F", "n", value)


def test_sizes():
    assert _validation.size("F", "n", np.int64(1)) == 1
    assert _validation.size("F", "n", 2**63 - 1) == 2**63 - 1
    with pytest.raises(ValueError, match=r"^F: n must be an integer >= 1, got 0$"):
        _validation.size("F", "n", 0)
    with pytest.raises(ValueError, match=r"^F: n must be .* >= 1 and below 2\*\*63, got 922"):
        _validation.size("F", "n", 2**63)


def test_flags():
    for value in (True, np.True_):
        assert _validation.boolean("F", "b", value) is True
    for value in (1, 0, "yes", None, np.ones(1, bool)):
        with pytest.raises(TypeError, match=r"^F: b must be True or False, got "):
            _validation.boolean("F", "b", value)


def test_choices():
    assert _validation.choice("F", "c", "a", ("a", "b")) == "a"
    with pytest.raises(ValueError, match=r"^F: c must be one of 'a', 'b', got 'c'$"):
        _validation.choice("F", "c", "c", ("a", "b"))
    with pytest.raises(TypeError, match=r"^F: c must be one of 'a', 'b', got None$"):
        _validation.choice("F", "c", None, ("a", "b"))


# ---- records -----------------------------------------------------------------------------------


class Shape(Description):
    """A family of the tests."""


class Circle(Shape):
    def __init__(self, radius, *, center=(0, 0)):
        self.radius = radius
        self.center = tuple(center)


class Group(Shape):
    def __init__(self, parts=(), name="group"):
        self.parts = tuple(parts)
        self.name = name


EXAMPLE = Group([Circle(1.0), Group([Circle(2, center=[1, 2])], name="inner")])


def test_lists_and_records_within_records_go_to_json_and_back():
    config = EXAMPLE.config()
    own = {"module": __name__, "family": "Shape"}  # of classes that are not prelunet's
    inner = {"class": "Circle", "radius": 2, "center": [1, 2]} | own
    assert config == own | {
        "class": "Group",
        "parts": [
            {"class": "Circle", "radius": 1.0, "center": [0, 0]} | own,
            {"class": "Group", "parts": [inner], "name": "inner"} | own,
        ],
        "name": "group",
    }
    assert Shape.from_config(config) == EXAMPLE
    assert hash(Shape.from_config(config)) == hash(EXAMPLE)


def test_a_repr_names_what_is_needed_and_what_is_not_the_default():
    assert repr(EXAMPLE) == (
        "Group(parts=(Circle(radius=1.0), "
        "Group(parts=(Circle(radius=2, center=(1, 2)),), name='inner')))"
    )
    assert repr(Group()) == "Group()"
    assert eval(repr(EXAMPLE)) == EXAMPLE


def test_records_are_equal_by_class_and_values():
    assert Circle(1) == Circle(1.0)
    assert Circle(1) != Circle(2)
    assert Circle(1) != Group()
    assert Circle(1) != 1
    assert Circle.__eq__(Circle(1), 1) is NotImplemented


class Outline(Description):
    """A family of dataclasses."""


class Ring(Outline):
    width: float = checked(_validation.real)
    _: KW_ONLY
    color: str = "red"


class Band(Ring):
    height: float = checked(_validation.real, default=1.0)
    _: KW_ONLY
    closed: bool = True


class Loop(Band):
    def __init__(self, size):
        super().__init__(size, color="blue")
        self.size = size


def test_fields_are_the_arguments_of_the_constructor():
    """Own keywords come first; a subclass may have a constructor of its own."""
    found = inspect.signature(Band)
    assert str(found) == (
        "(width: 'float', height: 'float' = 1.0, *, closed: 'bool' = True, color: 'str' = 'red') "
        "-> None"
    )
    assert str(inspect.signature(Band.__init__)) == str(found).replace("(", "(self, ", 1)
    assert Band.__init__.__qualname__ == "Band.__init__"
    assert repr(Band(2, color="blue", closed=False)) == (
        "Band(width=2.0, closed=False, color='blue')"
    )
    loop = Loop(3)
    assert str(inspect.signature(Loop)) == "(size)"
    assert (loop.width, loop.height, loop.closed, loop.color) == (3.0, 1.0, True, "blue")
    for wrong, message in [
        (lambda: Band(), "missing a required argument: 'width'"),
        (lambda: Band(1, 2, 3), "too many positional arguments"),
        (lambda: Band(1, colour="red"), "got an unexpected keyword argument 'colour'"),
        (lambda: Band(1, width=1), "multiple values for argument 'width'"),
    ]:
        with pytest.raises(TypeError, match=rf"^Band\.__init__\(\) {message}$"):
            wrong()


def test_records_do_not_change():
    with pytest.raises(AttributeError, match="Circle: radius cannot be changed; make a new Circle"):
        Circle(1).radius = 2


def test_families_are_apart():
    with pytest.raises(ValueError, match="Circle: class must be one of Circle, got 'Group'"):
        Circle.from_config(Group().config())
    with pytest.raises(ValueError, match=r"Shape: class must be one of .*, got 3"):
        Shape.from_config({"class": 3})


# ---- arguments of wrong types ------------------------------------------------------------------


def own_descriptions(base=Description):
    for cls in base.__subclasses__():
        if cls.__module__.startswith("prelunet.") and not inspect.isabstract(cls):
            yield cls
        yield from own_descriptions(cls)


NEEDED = {"forward": abs, "backward": abs, "function": abs, "layers": [pn.Tanh()], "rate": 0.5}
NEEDED |= {"pattern": "*", "activation": "relu", "low": 0.0, "branches": [("a", [], 0)]}
NEEDED |= {"values": [0.0], "categories": [[0.0, 1.0]], "bins": [[0.0, 1.0]]}
NEEDED |= {"saved": {"class": "Mine", "module": "mine"}}
ARGUMENTS = [
    (cls, name)
    for cls in own_descriptions()
    for name in inspect.signature(cls).parameters
    if cls is not Loss
]
JSON = [None, True, "64", "", -1, 1.5, math.nan, [], [1], ["a"], [[]], {}, {"a": 1}]
JSON += [{"class": wanted} for wanted in (3, ["x"], "Nonsense", "Weighted", "ReLU")]
OTHERS = [object(), b"1", 1j, int, pn.ReLU, pn.ReLU(), schedules.Constant(1), [pn.ReLU(), 3]]
OTHERS += [np.ones(2), np.array(["a"]), np.float32(2), range(3), {1}, (1, "2"), (None, None)]


def test_the_arguments_of_all_descriptions_are_tested():
    classes = {cls.__name__ for cls, _ in ARGUMENTS}
    assert classes >= {"Dense", "Conv2D", "Residual", "Mish", "Adam", "Huber", "WarmUp", "Normal"}


@pytest.mark.parametrize(("cls", "name"), ARGUMENTS)
def test_wrong_types_are_refused_by_class_and_argument(cls, name):
    """Whether a caller gives them or a file of a model."""
    parameters = inspect.signature(cls).parameters.values()
    needed = {p.name: NEEDED.get(p.name, 1) for p in parameters if p.default is p.empty}
    config = cls(**needed).config()
    owners = "Branch|Columns" if cls.__name__ == "Branch" else cls.__name__  # a part of Columns
    refusal = rf"^(?:{owners}): (an entry of )?(\w+) .*must .*, got "
    with pytest.raises(TypeError, match=refusal) as caught:
        cls(**needed | {name: object()})
    assert re.match(refusal, str(caught.value))[2] == name
    tries = [(cls, (), needed | {name: value}) for value in JSON + OTHERS]
    tries += [(cls.from_config, (config | {name: value},), {}) for value in JSON]
    for call, given, named in tries:
        try:
            call(*given, **named)
        except (TypeError, ValueError) as error:
            assert re.match(refusal, str(error)), (given, named)  # noqa: PT017


@pytest.mark.parametrize("config", [None, 5, "Dense", ["Dense"]])
def test_a_configuration_is_a_mapping(config):
    with pytest.raises(TypeError, match=r"^Layer: a configuration must be a mapping, got "):
        pn.layers.Layer.from_config(config)


def test_a_configuration_has_all_arguments_that_are_needed():
    with pytest.raises(TypeError, match=r"^Dense.* missing a required argument: 'units'"):
        pn.layers.Layer.from_config({"class": "Dense"})
    with pytest.raises(ValueError, match=r"^Dense: unknown argument 3"):
        pn.layers.Layer.from_config({"class": "Dense", "units": 3, 3: 4, "size": 5})


# ---- optional packages -------------------------------------------------------------------------


def test_a_package_that_is_there_is_imported():
    assert require("json.decoder", extra="plot", purpose="a test").JSONDecoder


def test_a_missing_package_is_named_with_its_extra():
    for module in ("missing_package", "missing_package.part"):
        with pytest.raises(ImportError) as caught:
            require(module, extra="plot", purpose="drawing figures")
        assert str(caught.value) == (
            "drawing figures needs the package 'missing_package', which is not installed: "
            "pip install 'prelunet[plot]'"
        )
        assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_what_a_package_itself_misses_is_its_own_message(tmp_path, monkeypatch):
    (tmp_path / "broken_package.py").write_text("import needed_by_broken_package\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    with pytest.raises(ModuleNotFoundError, match="No module named 'needed_by_broken_package'"):
        require("broken_package", extra="plot", purpose="drawing figures")
