"""Which subject does a goal in Chinese find? In both kinds of characters, and none where it only sounds like one."""

import re

import pytest

from roadmap_project.library import chinese
from roadmap_project.library.matching import PURPOSE, best_subject, is_meant
from roadmap_project.library.subjects import SCAFFOLD, Term, subject, subjects

PYTHON = "python-programming"
SQL = "sql-databases"
WEB = "web-development"
DATA = "data-analysis-machine-learning"

SIMPLIFIED = {
    PYTHON: """
        零基础学编程
        零基础编程入门
        我想自学编程
        文科生编程入门
        小白编程入门，从哪里开始？
        三个月学会编程
        怎么开始学习编程
        计算机编程基础
        我是老师，想教孩子学编程
        会数控编程，现在想学Python编程
        用Python写数控程序
        转行学写代码
        写一个爬虫，抓取网页上的价格
        用Python做自动化办公
        爬虫入门
        做一个网页爬虫
        教孩子编程
        学习程序设计
    """,
    SQL: """
        数据库入门
        数据库编程
        关系型数据库设计
        为公司设计一个客户数据库
        查询公司的销售记录和数据
        做网站要用的数据库
    """,
    WEB: """
        网页编程
        建一个自己的网站
        给我的小店做一个网站
        制作一个网页
        推荐做菜的书，再做一个美食网站
        前端工程师
        后端开发入门
        搭建个人博客
        建立个人主页
    """,
    DATA: """
        商业数据分析
        用Excel做数据分析
        分析电商的销售数据
        人工智能入门
        机器学习编程
        财务人员学大数据
    """,
    SCAFFOLD: """
        数控编程
        学习数控编程入门
        学习网络安全端口扫描
        完全端到端加密原理
        上架网站商品
        数控车床编程基础
        工业机器人编程入门
        PLC编程入门
        单片机编程基础
        汽车钥匙编程入门
        少儿编程入门
        神经语言编程入门
        函数式编程入门
        C语言程序设计基础
        推荐做菜的网站
        做题的网站
        建材网站推荐
        开发票的网站怎么用
        写作文的网页
        射频前端设计
        芯片前端设计入门
        人工智能绘画
        学会用文献数据库检索
        软件测试
        投资理财
        摄影入门
        新手养爬虫入门
        爬虫饲养入门
        VBA编程
        Scratch编程入门
        量子编程入门
    """,
}
TRADITIONAL = {
    PYTHON: """
        學習 Python 程式設計
        程式設計入門
        零基礎學編程
        自學寫程式
        我想學程式語言
        學寫程式碼
        教孩子寫程式
        學爬蟲
        會數控編程，現在想學寫程式
        Python 網路爬蟲
        寫爬蟲
    """,
    SQL: """
        資料庫入門
        數據庫設計
        學習 SQL 查詢語法
        為公司設計一個資料庫
        查詢公司的銷售資料
        查詢優化與事務隔離
    """,
    WEB: """
        網頁設計
        架設自己的網站
        製作一個網頁
        前端工程師
        後端開發
        全端工程師
        架設自己的部落格
        自學網頁
        為了開店，做一個網站
    """,
    DATA: """
        資料分析
        數據分析
        用 Python 做資料分析
        電商資料分析
        機器學習
        深度學習與類神經網路
        人工智慧入門
        資料科學家
        數據分析與統計分析
        資料視覺化
        資料探勘
        線性迴歸
        假說檢定
        統計學
    """,
    SCAFFOLD: """
        數控編程入門
        機器人程式設計入門
        C語言程式設計入門
        Java 程式設計
        推薦做菜的網站
        射頻前端設計
        軟體測試
        整理學習資料
        學習日語
        攝影入門
        投資理財
    """,
}
GOALS = [
    (goal.strip(), key)
    for goals in (SIMPLIFIED, TRADITIONAL)
    for key, lines in goals.items()
    for goal in lines.strip().splitlines()
]


@pytest.mark.parametrize(("goal", "expected"), GOALS)
def test_a_goal_in_chinese_finds_its_subject_or_the_scaffold(goal, expected):
    assert best_subject(goal).key == expected


def test_a_longer_word_takes_only_its_own_place():
    """The term counts where it stands for itself, before or behind; and what belongs to neither is left to its term."""
    for goal in ("写作之后学写代码，做菜的网站", "做菜，再做一个网站", "建材公司要建一个网站"):
        assert best_subject(goal).key == (PYTHON if "代码" in goal else WEB), goal


def test_a_subject_of_the_longer_word_finds_its_own_goals():
    own = subject(PYTHON).model_copy(update={"terms": [Term(term="数控编程", weight=3)]})
    in_traditional = subject(PYTHON).model_copy(update={"terms": [Term(term="數控編程", weight=3)]})

    for each in (own, in_traditional):
        assert is_meant(each, "学习数控编程入门")
        assert is_meant(each, "學習數控編程")
        assert not is_meant(each, "学习编程")


def test_each_character_of_the_terms_is_known_in_its_traditional_form():
    """What Big5, Taiwan's own set, does not have is a simplified character: it stands otherwise in goals from there."""
    texts = [term.term for each in subjects() for term in each.terms]
    written = re.findall("[\u4e00-\u9ffe]", "".join([*texts, PURPOSE.pattern, chinese.OTHER_WORDS.pattern]))
    simplified = {each for each in written if not each.encode("big5", "ignore")}

    assert "编" in simplified
    assert simplified <= {pair[1] for pair in chinese.CHARACTERS.split()}


def test_no_traditional_character_is_told_twice():
    pairs = chinese.CHARACTERS.split()

    assert {len(pair) for pair in pairs} == {2}
    assert len({pair[0] for pair in pairs}) == len(pairs)
