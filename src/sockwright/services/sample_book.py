"""The sample book that a new store begins with: everyday words in English and Russian, shifted by three letters."""

from __future__ import annotations

from collections.abc import Mapping

from sockwright.services.ciphers import cipher

NAME = "sample"

WORDS = """
the be to of and a in that have I it for not on with he as you do at this but his by from they we say her she or an
will my one all would there their what so up out if about who get which go me when make can like time no just him know
take people into year your good some could them see other than then now look only come its over think also back after
use two how our work first well way even new want because any these give day most us hello world peace friend network
server client socket port message word book secret cipher key open close read write send receive today tomorrow morning
evening night water bread house street city river sea sun moon star tree flower bird cat dog horse

и в не он на я что тот быть с а весь это как она по но они к у ты из мы за вы так же от сказать этот который мочь
человек о один ещё бы такой только себя своё какой когда уже для вот кто да говорить год знать мой до или если время
рука нет самый ни стать большой даже другой наш свой ну под где дело есть сам раз чтобы два там чем глаз жизнь первый
день туда ничто потом очень со хотеть привет мир дружба сеть сервер клиент сокет порт сообщение слово книга тайна шифр
ключ открыть закрыть читать писать послать получить сегодня завтра утро вечер ночь вода хлеб дом улица город река море
солнце луна звезда дерево цветок птица кот собака лошадь ёлка йод чай
"""


def sample() -> Mapping[str, str]:
    """Return the book: enciphered word -> plain word, in small letters."""
    encipher = cipher("caesar:3")
    words = dict.fromkeys(word.lower() for word in WORDS.split())
    return {encipher(word): word for word in words}
