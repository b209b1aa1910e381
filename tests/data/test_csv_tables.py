"""CSV files of samples and targets."""

from __future__ import annotations

import numpy as np
import pytest

from prelunet.data import load, read_csv


@pytest.mark.parametrize(
    "text",
    [
        "1,2.5,0\n3,-4e2,1\n",
        "a,b,label\n1,2.5,0\n3,-4e2,1\n",
        '\ufeff"a","b","label"\r\n\r\n1,2.5,0\r\n"3", -4e2 ,1.0',
        "\ufeff1,2.5,0\n3,-4e2,1\n",
        "\n1,2.5,0\n   \n3,-4e2,1\n\n",
    ],
)
def test_csv_with_and_without_a_header(csv, text):
    data = load(str(csv(text)))
    assert data.name == "some.csv"
    assert data.x_train.dtype == np.float64
    assert data.y_train.dtype == np.int64
    np.testing.assert_array_equal(data.x_train, [[1, 2.5], [3, -400]])
    np.testing.assert_array_equal(data.y_train, [0, 1])
    assert data.x_train.flags.c_contiguous


@pytest.mark.parametrize("column", [0, -3, "first"])
def test_csv_label_column(csv, column):
    data = load(csv("first,b,c\n7,2.5,0\n8,4,1\n"), label_column=column)
    np.testing.assert_array_equal(data.y_train, [7, 8])
    np.testing.assert_array_equal(data.x_train, [[2.5, 0], [4, 1]])


def test_csv_of_values(csv):
    data = load(csv("1,0.5\n2,-7e2\n"), targets="values")
    assert data.y_train.dtype == np.float64
    np.testing.assert_array_equal(data.y_train, [0.5, -700])


def test_csv_of_one_line(csv):
    assert read_csv(csv("1,2,3")).x_train.shape == (1, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file must hold samples, got an empty one"),
        ("\n \n", "the file must hold samples, got an empty one"),
        ("a,b\n", "the file must hold samples, got a header alone"),
        ("1,2,3\n\n4,5\n", "line 3 must have 3 columns, got 2"),
        ("1,2\n3,4,5\n", "line 2 must have 2 columns, got 3"),
        ("a,b,c\n1,2\n3,4\n", "line 2 must have 3 columns, got 2"),
        ("1,2,3\n4,five,6\n", "line 2, column 2 must be a number, got 'five'"),
        ("a,b\n1,\n", "line 2, column 2 must be a label, got ''"),
        ("a,b\n,1\n", "line 2, column 1 must be a number, got ''"),
        ("1,2\n1_0,3\n", "line 2, column 1 must be a number, got '1_0'"),
        ("1\n2\n", "a line must have features and a target, got 1 column"),
        ("1,0\n2,0.5\n", "label column -1 must hold integers or text, got 0.5 in row 2"),
        ("1,nan\n", "line 1, column 2 must be a label, got 'nan'"),
        ("1,2\n3,-inf\n", "line 2, column 2 must be a label, got '-inf'"),
        ("a,b,c\n\n1,2,3\n4,NaN,6\n", "line 4, column 2 must be a finite number, got 'NaN'"),
        ("1,2,x\n-inf,4,y\n", "line 2, column 1 must be a finite number, got '-inf'"),
        ("inf,2,x\n3,4,y\n", "line 1, column 1 must be a finite number, got 'inf'"),
        ("1,2\n1e999,3\n", "line 2, column 1 must be a finite number, got '1e999'"),
        ("1,x\n2,nan\n", "line 2, column 2 must be a label, got 'nan'"),
        ("1,9007199254740994\n", "label column -1 must .*, got 9007199254740994.0 in"),
        ("1,1e300\n", r"label column -1 must hold integers or text, got 1e\+300 in row 1"),
        ("1,2\nsetosa,3\n", "line 2, column 1 must be a number, got 'setosa'"),
        ("a;b\n1,5;0\n", "line 2, column 1 must be a number with a decimal point, got '1,5'"),
        ("1,5;0\n2,5;1\n", "line 2, column 1 must be a number with a decimal point, got '2,5'"),
        (b"1,2\n3,\xff\n", "the file must be lines of UTF-8 text, got: .*can't decode"),
        (
            b"1,2\n" * 50_000 + b"\xff\n",
            "the file must be lines of UTF-8 text, got: .*can't decode",
        ),
        (b"\x89PNG\r\n", "the file must be lines of UTF-8 text, got: .*can't decode"),
        ("x" * 200_000, "a line must have features and a target, got 1 column"),
        (
            "a,b\n" + "x" * 200_000 + ",1\n",
            r"line 2, column 1 must be a number, got 'x{40}\.\.\.'$",
        ),
    ],
)
def test_csv_of_other_text_is_refused(csv, text, message):
    with pytest.raises(ValueError, match=rf"^read_csv: .*some\.csv: ({message})"):
        read_csv(csv(text))


@pytest.mark.parametrize(
    ("column", "error", "message"),
    [
        (3, ValueError, "label_column must be an integer >= -3 and <= 2, got 3"),
        (-4, ValueError, "label_column must be an integer >= -3 and <= 2, got -4"),
        (1.0, TypeError, "label_column must be an integer"),
        (True, TypeError, "label_column must be an integer"),
        ("d", ValueError, "one of the header's names, got 'd' where there is a, b, b"),
        ("b", ValueError, "one of the header's names, got 'b' where there is a, b, b"),
    ],
)
def test_csv_label_column_that_is_not_there(csv, column, error, message):
    with pytest.raises(error, match=rf"some\.csv: .*{message}"):
        read_csv(csv("a,b,b\n1,2,3\n"), label_column=column)
    with pytest.raises(ValueError, match="got 'a' where there is no header"):
        read_csv(csv("1,2,3\n"), label_column="a")


@pytest.mark.parametrize("targets", ["labels", "values"])
@pytest.mark.parametrize("value", ["nan", "inf", "-Infinity", "1e400"])
def test_csv_of_numbers_that_are_not_finite(csv, targets, value):
    with pytest.raises(ValueError, match=f"line 2, column 1 .* finite number, got '{value}'"):
        read_csv(csv(f"1,2\n{value},3\n"), targets=targets)
    with pytest.raises(ValueError, match=f"line 2, column 2 must be a .*, got '{value}'"):
        read_csv(csv(f"1,2\n3,{value}\n"), targets=targets)


@pytest.mark.parametrize(
    ("text", "labels", "names"),
    [
        ("1,setosa\n2,virginica\n3,setosa\n", [0, 1, 0], ("setosa", "virginica")),
        ("x,kind\n1,b\n2, a \n", [1, 0], ("a", "b")),
        ("0,1,kind\n1,2,b\n2,4,a\n", [1, 0], ("a", "b")),
        ("1,no\n", [0], ("no",)),
        ('1,"a, b"\n2,"c ""d"" e"\n', [0, 1], ("a, b", 'c "d" e')),
        ("1,-1\n2,1\n3,-1.0\n", [0, 1, 0], ("-1", "1")),
        ("1,3\n2,-20\n3,0\n", [2, 0, 1], ("-20", "0", "3")),
        ("1,1\n2,x\n3,2\n", [0, 2, 1], ("1", "2", "x")),
        ("1,1\n2,3\n", [1, 3], None),
        ("kind,1\n1,2\n2,0\n", [2, 0], None),
        ("0,label\n5,3\n", [3], None),
        ("1,True\n2,False\n", [1, 0], ("False", "True")),
    ],
)
def test_csv_labels_that_are_names(csv, text, labels, names):
    found = load(csv(text))
    np.testing.assert_array_equal(found.y_train, labels)
    assert found.y_train.dtype == np.int64
    assert found.class_names == names
    assert len(found.x_train) == len(labels)


def test_csv_label_names_in_another_column(csv):
    text = "kind,a\nx,1\ny,2\n"
    for column in ("kind", 0, -2):
        found = read_csv(csv(text), label_column=column)
        assert found.class_names == ("x", "y")
        np.testing.assert_array_equal(found.x_train, [[1], [2]])
    with pytest.raises(ValueError, match="line 2, column 1 must be a number, got 'x'"):
        read_csv(csv(text), label_column=0, targets="values")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("header", ["", "a|b|c\n", '"a, b"|"c; d"|kind\n'])
def test_csv_separators(csv, separator, header):
    text = (header + "1|2.5|x\n3|-4|y\n").replace("|", separator)
    found = read_csv(csv(text))
    np.testing.assert_array_equal(found.x_train, [[1, 2.5], [3, -4]])
    assert found.class_names == ("x", "y")


@pytest.mark.parametrize("quote", ["", '"'])
def test_csv_of_long_cells(csv, quote):
    """The standard library's reader stops at 131,072 characters."""
    name, zeros = "n" * 150_000, "0" * 150_000
    text = f"{quote}{name}{quote},kind\n{quote}{zeros}1{quote},{quote}{name}{quote}\n2,b\n"
    found = read_csv(csv(text))
    np.testing.assert_array_equal(found.x_train, [[1], [2]])
    assert found.class_names == ("b", name)
