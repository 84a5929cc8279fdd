"""A person's clicks are counted as what that person asked for."""

from tests.soak.learning import Press, orders_in


def test_both_fingers_of_a_double_click_are_one_order():
    assert orders_in([Press(10.0, tries=1)]) == 1
    assert orders_in([Press(10.0, tries=1), Press(10.2, tries=1)]) == 1


def test_a_try_after_one_that_failed_is_another_order_for_that_may_have_been_heard():
    assert orders_in([Press(10.0, tries=3)]) == 3
    assert orders_in([Press(10.0, tries=2), Press(10.2, tries=1)]) == 2


def test_a_finger_that_is_heard_when_the_piece_may_be_there_already_is_another_order():
    assert orders_in([Press(10.0, tries=1), Press(10.6, tries=1)]) == 2
