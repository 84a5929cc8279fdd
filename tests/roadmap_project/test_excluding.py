"""A goal may name a subject without wanting it: known already, not wanted, or an animal. Who wants it finds it."""

import time

import pytest

from roadmap_project.library.matching import best_subject
from roadmap_project.library.subjects import SCAFFOLD

GOALS = {
    "python-programming": """
        I know a little Python and want to get better at it
        I know very little Python and want to automate my reports
        I know Python already and want to go deeper
        I know Java, teach me Python
        I know some Python, teach me how to test it
        I know Python, teach me decorators
        I know Python, teach me how to use context managers
        I already know Python and want to learn asyncio
        我会 Python，教我 asyncio
        I don't know Python
        I have not learned Python yet
        Learn Python without prior experience
        Python, not Java
        Keep my Python project in order
        I want to know Python
        Learn Python, not only the basics
        Python instead of Excel
        Python for people who know Java
        我会 Java，想学 Python
        有一点 Python 基础想继续学
        会一点 Python，想深入学习
        我会 Python，想进阶
        我不会 Python，想学
        没学过 Python
        我不想学 Java，想学 Python
        我不是程序员，想学 Python
        已經會 Java，想學 Python
        我会学 Python
        我不是很会 Python，想学
    """,
    "sql-databases": """
        I know nothing about SQL. I need it for work
        A career changer without a degree learning SQL
        I know Python, now teach me SQL
        I know Excel and want to learn SQL
        SQL rather than Python
        查詢公司的客戶資料
        我会 Python，想学数据库
    """,
    "web-development": """
        Build a website without JavaScript
        I know some Python, teach me Django for a website
        我会 Python，想做一个网站
    """,
    "data-analysis-machine-learning": """
        I know Python and want to learn machine learning
        不用 Python 做数据分析
        會 SQL，想學資料分析
    """,
    SCAFFOLD: """
        Learn Rust; I know Python already
        I already know Python but want to learn Rust
        Go for Java developers who know SQL
        I know SQL, now teach me Go
        I know Python, teach me Rust
        I know some Python, teach me Rust
        I know Python, teach me project management
        I know Python, teach me logging in Java
        I don't want to learn Python, teach me decorators
        I don't want to learn Python, I want Java
        Learn Java, not Python
        Rust instead of Python
        Learn ball pythons
        Monty Python's history
        Keep a python as a pet
        Burmese python breeding
        我不想学 Python，想学 Java
        我已经会 Python，想学 Rust
        已经会 Python
        已經會 Python，想學 Java
        学过 SQL，想学 Go
        学习 Java，而不是 Python
        查詢歷史資料
        查詢圖書館的資料
        分析歷史資料
        整理圖書館的資料
    """,
}


@pytest.mark.parametrize(
    ("goal", "expected"), [(goal.strip(), key) for key, lines in GOALS.items() for goal in lines.strip().splitlines()]
)
def test_a_goal_finds_what_it_wants_and_not_what_it_only_names(goal, expected):
    assert best_subject(goal).key == expected


@pytest.mark.parametrize("part", ["i know ", "without ", "不想学", "我会", "know and to ", " , not ", "一点我会"])
def test_a_goal_that_is_made_to_be_slow_is_read_soon(part):
    began = time.process_time()

    best_subject(part * (1000 // len(part)))

    assert time.process_time() - began < 2
