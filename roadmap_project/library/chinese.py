"""What has to be known of Chinese to find a term in it? Both kinds of characters, and which words hold others."""

import re
from dataclasses import dataclass

CHARACTER = "[\u3400-\u9fff]"

# What Taiwan calls otherwise, longer words before what they hold; then the characters themselves. Of both only what
# the library's terms and these patterns are written with: a test finds most of what is missing.
WORDS = {
    "程式設計": "编程",
    "程式語言": "编程语言",
    "程式碼": "代码",
    "程式入門": "编程入门",
    "學程式": "学编程",
    "學習程式": "学习编程",
    "程式": "程序",
    "資料探勘": "数据挖掘",
    "資料清理": "数据清洗",
    "資料倉儲": "数据仓库",
    # "資料" alone is material of any kind: what a library or history has.
    "資料庫": "数据库",
    "資料分析": "数据分析",
    "資料科學": "数据科学",
    "資料視覺化": "数据可视化",
    "資料建模": "数据建模",
    "大資料": "大数据",
    "銷售資料": "销售数据",
    "銷售記錄和資料": "销售记录和数据",
    "客戶資料": "客户数据",
    "電商資料": "电商数据",
    "交易資料": "交易数据",
    "訂單資料": "订单数据",
    "使用者資料": "用户数据",
    "營運資料": "运营数据",
    "視覺化": "可视化",
    "網路": "网络",
    "人工智慧": "人工智能",
    "商業智慧": "商业智能",
    "假說檢定": "假设检验",
    "部落格": "博客",
    "軟體": "软件",
    "硬體": "硬件",
    "全端": "全栈",
    "晶片": "芯片",
    "最佳化": "优化",
    "函式": "函数",
    "視窗": "窗口",
    "指令碼": "脚本",
}
CHARACTERS = (
    "業业 個个 為为 爲为 習习 倉仓 會会 寫写 辦办 務务 動动 發发 學学 師师 庫库 開开 歸归 迴回 數数 來来 "
    "棧栈 檢检 測测 碼码 礎础 線线 經经 結结 絡络 統统 編编 聯联 腳脚 視视 計计 讓让 設设 試试 詢询 語语 "
    "輯辑 門门 隨随 頁页 預预 驗验 邏逻 製制 後后 係系 關关 網网 構构 樹树 電电 腦脑 軟软 說说 據据 機机 "
    "簡简 單单 從从 練练 員员 歲岁 時时 樣样 點点 過过 與与 給给 著着 觸触 歡欢 愛爱 無无 沒没 們们 麼么 "
    "類类 現现 級级 餘余 轉转 飯饭 題题 築筑 獻献 論论 專专 圖图 倫伦 畫画 繪绘 對对 蟲虫 優优 離离 並并 "
    "於于 間间 夢梦 頻频 擬拟 維维 養养 飼饲 寵宠 刪删 縮缩 長长 "
    "補补 換换 內内 還还 請请 幫帮 減减 講讲 釋释 這这 課课 煩烦 謝谢 嗎吗 "
)
SIMPLE = str.maketrans({pair[0]: pair[1] for pair in CHARACTERS.split()})

# Programming alone is the kind in general; of what else stands before it ("数控编程") it is a trade of its own.
BEFORE_PROGRAMMING = (
    "学习会懂教练做搞玩用想要能从始起门础的地得了着过和与及或跟并在于把给为是有没无我你他她们己"
    "生员师者人白手年月周天时间岁么何样下点些来去速松单握触欢爱趣味级常本代余"
)
OTHER_WORDS = re.compile(
    rf"(?:机器人|机械手|{CHARACTER}(?<![{BEFORE_PROGRAMMING}])(?<!计算机)(?<!电脑|软件|转行|基本|孩子))(编程|程序设计)"
    "|做[菜饭题梦]|写作|建[材筑]|开发[票商]"
    "|[安完]全栈|[上下]架网站|大学网页"
    "|(?:射频|模拟|数字|芯片|接收机)前端"
    "|养爬虫|爬虫饲养|爬虫宠物"
    "|(?:文献|论文|期刊|专利|基因|向量|时序)数据库"
    "|人工智能(?:绘画|绘图|作画|写作|作曲|伦理)"
)


def simplified(text: str) -> str:
    """The text in the words and characters of the mainland, as far as the library's terms need them."""
    for word, same in WORDS.items():
        text = text.replace(word, same)
    return text.translate(SIMPLE)


@dataclass(frozen=True)
class OtherWord:
    """A word that holds a term's characters and means something else: where it begins and ends, and what it takes."""

    whole: tuple[int, int]
    taken: tuple[int, int]

    def takes(self, part: tuple[int, int]) -> bool:
        """Whether that part of a term is this word's: the longer one counts."""
        shares = part[0] < self.taken[1] and self.taken[0] < part[1]
        return shares and not (part[0] <= self.whole[0] and self.whole[1] <= part[1])


def other_words(text: str) -> list[OtherWord]:
    return [OtherWord(found.span(), found.span(1 if found[1] else 0)) for found in OTHER_WORDS.finditer(text)]
