"""Sentences and answers with the language blocks in docs/voice-languages.md."""

from typing import Final

LANGUAGES: Final = {
    "German": (
        "de",
        {
            "Ist Robin gerade am Telefon?": "Robin Example: In einem Anruf.",
            "wer ist in einer Besprechung": "Robin Example: In einem Anruf.",
            "ist jemand in einem Anruf": "Robin Example: In einem Anruf.",
            "was macht Alex": "Alex Example: Verfügbar.",
            "wer ist frei": "Alex Example.",
            "ist Zoe am Telefon": "Zoe kenne ich nicht.",
            "Setze meine Statusmeldung auf Mittagspause bis zwei": "Deine Statusmeldung bis 14:00 ist: Mittagspause.",
            "ändere meinen Status auf Fokus für anderthalb Stunden": "Deine Statusmeldung bis 14:00 ist: Fokus.",
            "setz meinen Status auf weg bis 15 Uhr 30": "Deine Statusmeldung bis 15:30 ist: weg.",
            "setze meinen Status auf weg bis zum Mittag": "Deine Statusmeldung bis morgen um 12:00 ist: weg.",
            "setze meinen Status auf weg bis halb drei": "Das Ende habe ich nicht verstanden: bis halb drei.",
            "lösche meine Statusmeldung": "Deine Statusmeldung ist gelöscht.",
            "Nicht stören": "Bis morgen um 12:30 wirst du als „Nicht stören“ angezeigt.",
            "Bitte nicht stören für eine halbe Stunde.": "Bis 13:00 wirst du als „Nicht stören“ angezeigt.",
            "nicht stören bis 15 Uhr": "Bis 15:00 wirst du als „Nicht stören“ angezeigt.",
            "du darfst mich wieder stören": "Teams entscheidet wieder, wie du angezeigt wirst.",
        },
    ),
    "French": (
        "fr",
        {
            "est-ce que Robin est en appel": "Robin Example: En appel.",
            "Robin Example est au téléphone": "Robin Example: En appel.",
            "qui est en réunion": "Robin Example: En appel.",
            "que fait Alex": "Alex Example: Disponible.",
            "qui est libre": "Alex Example.",
            "mets mon statut à déjeuner jusqu'à 14 h 30": "Votre message de statut, qui expire à 14:30, est : déjeuner.",
            "mets mon statut à déjeuner jusqu'à deux heures": "Votre message de statut, qui expire à 14:00, est : déjeuner.",
            "change mon message à au calme pendant une heure et demie": "Votre message de statut, qui expire à 14:00, est : au calme.",
            "efface mon statut": "Votre message de statut est effacé.",
            "ne pas déranger pendant une demi-heure": "Vous apparaissez comme « Ne pas déranger ». Fin : 13:00.",
            "ne me dérange pas jusqu'à minuit": "Vous apparaissez comme « Ne pas déranger ». Fin : demain à 00:00.",
            "ne me dérange pas jusqu'à plus tard": "Je n'ai pas compris la fin : jusqu'à plus tard.",
            "tu peux me déranger à nouveau": "Teams décide à nouveau comment vous apparaissez.",
        },
    ),
    "Spanish": (
        "es",
        {
            "¿Está Robin en una llamada?": "Robin Example: En una llamada.",
            "quién está al teléfono": "Robin Example: En una llamada.",
            "qué está haciendo Alex": "Alex Example: Disponible.",
            "quién está libre": "Alex Example.",
            "pon mi estado en comiendo hasta las dos": "Tu mensaje de estado es: comiendo. Termina: 14:00.",
            "pon mi estado en comiendo hasta las dos y media": "No he entendido el final: hasta las dos y media.",
            "cambia mi mensaje a enfocado durante una hora y media": "Tu mensaje de estado es: enfocado. Termina: 14:00.",
            "borra mi estado": "Tu mensaje de estado está borrado.",
            "no molestar durante media hora": "Apareces como «No molestar». Termina: 13:00.",
            "no me molestes hasta el mediodía": "Apareces como «No molestar». Termina: mañana a las 12:00.",
            "puedes molestarme de nuevo": "Teams vuelve a decidir cómo apareces.",
        },
    ),
}
