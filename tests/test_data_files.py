"""A file is read as it stands, or refused with the option that would read it."""

import pandas as pd
import pytest

from bedside.data.files import read_file
from bedside.errors import DataError, SettingError
from bedside.settings import DataSettings


@pytest.fixture
def refused(tmp_path):
    """refused(content, pattern): a file with that content is refused with a message that fits the pattern."""

    def check(content, pattern, name="cohort.csv", **options):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(DataError, match=pattern):
            read_file(path, DataSettings(**options))

    return check


def read(path, text, codec="utf-8", /, **options):
    path.write_bytes(text.encode(codec))
    return read_file(path, DataSettings(**options))


def test_text_cells_come_as_they_are_written(tmp_path):
    frame = read(tmp_path / "a.csv", 'id,crp,note\n007,1.0,"a, b"\n,NA,"two\nlines"\n')
    assert frame.to_dict("list") == {"id": ["007", ""], "crp": ["1.0", "NA"], "note": ["a, b", "two\nlines"]}


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path):
    assert list(read(tmp_path / "a.csv", "\ufeffage,sex\n1,2\n")) == ["age", "sex"]


def test_tsv_is_separated_by_tabulators_and_blank_lines_do_not_count(tmp_path):
    frame = read(tmp_path / "a.TSV", "\nage\tsex\n1\t2\n\n3\t4\n")
    assert frame["age"].tolist() == ["1", "3"]


def test_german_excel_export_is_read_with_the_options_its_messages_name(tmp_path):
    text = "Größe;Gewicht\n1,70;70,5\n"
    path = tmp_path / "a.csv"
    with pytest.raises(DataError, match=r"is not utf-8: byte 0xf6 in line 1 .*--encoding cp1252"):
        read(path, text, "cp1252")
    with pytest.raises(DataError, match=r"'Größe;Gewicht'.*--separator ';'.*decimal commas: add --decimal ','"):
        read(path, text, "cp1252", encoding="cp1252")
    frame = read(path, text, "cp1252", encoding="cp1252", separator=";")
    assert frame.to_dict("list") == {"Größe": ["1,70"], "Gewicht": ["70,5"]}


@pytest.mark.parametrize(
    ("separator", "remedy"), [(";", r"--separator ';'"), ("|", r"--separator '\|'"), ("\t", "save it as .tsv")]
)
def test_wrong_delimiter_names_the_likely_one(refused, separator, remedy):
    refused(f"age{separator}sex\n1{separator}2\n", f"has one column only.*{remedy}")


def test_missing_file_suggests_the_nearest_one(tmp_path):
    (tmp_path / "heart.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"no file .*haert\.csv.*Did you mean 'heart\.csv'"):
        read_file(tmp_path / "haert.csv", DataSettings())
    with pytest.raises(DataError, match=r"is a folder.*'heart\.csv'"):
        read_file(tmp_path, DataSettings())
    with pytest.raises(DataError, match=r"the folder .* does not exist"):
        read_file(tmp_path / "data" / "heart.csv", DataSettings())


def test_empty_files_and_files_without_rows_are_refused(refused):
    refused("", r"cohort\.csv is empty \(0 bytes\)")
    refused("\n  \n", "is empty: it holds no text")
    refused("age,sex\n", "'age' and 'sex'.*but no rows")


def test_files_of_other_kinds_are_refused_with_a_way_out(refused):
    refused("x", r"'\.sas7bdat', which is not read. Known kinds: \.csv", name="a.sas7bdat")
    refused("x", "has no ending", name="cohort")
    refused("x", "old Excel format.*save it as .xlsx", name="a.xls")
    refused(b"PK\x03\x04more", r"content is that of a \.xlsx file")
    refused("hello, world", "damaged, locked with a password, or no Excel file", name="a.xlsx")
    refused("hello, world", "damaged or no Parquet file", name="a.parquet")


def test_rows_of_another_length_are_refused_with_their_line(refused):
    refused("a,b\n1,2\n\n3\n", r"Line 4 of cohort\.csv has 1 cell, but the first row names 2 columns")
    refused("a,b\n1,2,3\n", "Line 2 .* has 3 cells.*quotation marks")
    refused('a,b\n1,"2\n', "Line 2 .*quotation mark that is not closed")


def test_a_title_above_the_column_names_is_named(refused):
    title = r"Line 2 .* has 2 cells, but the first row names 1 column\. The first line, 'Heart study', may be a title: delete"
    refused("Heart study\na,b\n1,2\n", title)
    refused("Heart study\na;b\n1;2\n", title, separator=";")


def test_the_separator_line_of_excel_is_named(refused):
    refused("sep=;\na;b\n1;2\n", r"begins with the line 'sep=;'.*Delete that line, then add --separator ';'\.")
    refused("sep=;\na;b\n1;2\n", r"'sep=;', which only Excel understands\. Delete that line\.$", separator=";")
    refused("sep=,\na,b\n1,2\n", r"'sep=,', which only Excel understands\. Delete that line\.$")


def test_unknown_and_wrong_encodings_name_a_likely_one(refused):
    refused("a,b\n1,2\n", "no character encoding 'utf8x'. Did you mean 'utf-8'", encoding="utf8x")
    refused("a,b\n1,2\n", "no character encoding 'base64'", encoding="base64")
    refused("ä,b\n1,2\n".encode("utf-16"), "--encoding utf-16")
    refused("ä,b\n1,2\n".encode("utf-16"), "--encoding utf-16", encoding="latin-1")
    refused("ä,b\n1,2\n", "reads as utf-8, so as latin-1 .* be garbled. Leave --encoding away", encoding="latin-1")
    refused("ä,b\n1,2\n", "It may be utf-8: try --encoding utf-8", encoding="ascii")


def test_column_names_must_be_there_and_differ(refused):
    refused("age,sex,age \n1,2,3\n", r"'age' stands twice or more in cohort\.csv \(columns 1 and 3\)")
    refused(",age\n1,2\n", "Column 1 of .* has no name. Row numbers")
    refused("age,sex,\n1,2,\n", "Column 3 of .* has no name. It is empty: delete it")


def test_excel_with_several_sheets_asks_which(tmp_path):
    path = tmp_path / "study.xlsx"
    with pd.ExcelWriter(path) as book:
        pd.DataFrame({"age": [61.5, None], "sex": ["m", "f"]}).to_excel(book, sheet_name="Data", index=False)
        pd.DataFrame().to_excel(book, sheet_name="Notes", index=False)
    with pytest.raises(DataError, match=r"has 2 sheets: 'Data' and 'Notes'. Add --sheet"):
        read_file(path, DataSettings())
    with pytest.raises(DataError, match=r"no sheet 'data'. Did you mean 'Data'"):
        read_file(path, DataSettings(sheet="data"))
    with pytest.raises(DataError, match=r"Sheet 'Notes' of study.xlsx is empty"):
        read_file(path, DataSettings(sheet="Notes"))
    assert read_file(path, DataSettings(sheet="Data")).to_dict("list") == {"age": [61.5, None], "sex": ["m", "f"]}


def test_parquet_keeps_types_and_turns_a_named_index_into_a_column(tmp_path):
    frame = pd.DataFrame({"age": [61, 62]}, index=pd.Index(["a", "b"], name="patient"))
    frame.to_parquet(tmp_path / "a.parquet")
    read_back = read_file(tmp_path / "a.parquet", DataSettings())
    assert list(read_back) == ["patient", "age"]
    assert read_back["age"].dtype == "int64"


def test_reading_settings_that_cannot_act_are_refused(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    with pytest.raises(SettingError, match=r"sheet='Data' has no effect on \.csv files"):
        read_file(tmp_path / "a.csv", DataSettings(sheet="Data"))
    pd.DataFrame({"a": [1]}).to_excel(tmp_path / "a.xlsx", index=False)
    with pytest.raises(SettingError, match=r"separator=';' has no effect on .xlsx"):
        read_file(tmp_path / "a.xlsx", DataSettings(separator=";"))


def test_another_ending_alone_suggests_no_file(tmp_path):
    for name in ("v_one.csv", "clinic.csv"):
        (tmp_path / name).write_text("a,b\n1,2\n")
    with pytest.raises(DataError) as far:
        read_file(tmp_path / "nofile.csv", DataSettings())
    assert "Did you mean" not in str(far.value)
    with pytest.raises(DataError, match=r"Did you mean 'clinic\.csv'\? Check the path\."):
        read_file(tmp_path / "clinik.csv", DataSettings())
