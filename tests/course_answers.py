"""What tests of the course's exercises share: the remarks of an answer as text, and the three questions asked of each check."""

import pytest

from bedside.learn import check


def remarks(answer, *, right):
    return " ".join(one.text for one in answer.remarks if one.right is right)


def hints(answer):
    return " ".join(one.hint for one in answer.remarks if not one.right)


def wrong_remarks(number, *made):
    """What is wrong, with hints, as one text."""
    answer = check(number, *made)
    assert answer.remarks
    return "\n".join(f"{remark.text} {remark.hint}" for remark in answer.remarks if not remark.right)


def three_questions(right, wrong):
    """Three tests of exercises that ask for one function: the right one passes, a gap says gap, each wrong one has its remark.

    Args:
        right: the right answer by the number of the exercise.
        wrong: by number and wrong answer, words of the remark that belongs to it.
    """

    @pytest.mark.parametrize("number", right)
    def passes(number):
        assert check(number, right[number]).right

    @pytest.mark.parametrize("number", right)
    def gap(number):
        assert "gap" in check(number, ...).remarks[0].text
        assert not check(number, lambda *_: ...).right

    @pytest.mark.parametrize(
        ("asked", "remark"), wrong.items(), ids=[f"{number} {text}" for (number, _), text in wrong.items()]
    )
    def remarked(asked, remark):
        answer = check(*asked)
        assert not answer.right
        assert remark in repr(answer)

    return passes, gap, remarked
