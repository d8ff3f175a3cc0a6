"""Words that no learner is shown unasked: in examples, as synonyms, as hidden words."""

# ruff: noqa: SIM905  (lists of words are easier to read and to mend as text)

from __future__ import annotations

#: Not in an example sentence, not among synonyms.
UNFIT = frozenset(
    """
    arse arsehole ass asshole bastard bitch blowjob bollocks boob bugger bullshit butthole cock cocksucker coon crap
    cunt damn darkie darky dickhead dyke fag faggot fuck fucked fucker fucking genocide gook gypsy incest intercourse
    kike lynch lynched masturbate motherfucker murder murdered murderer murdering nazi negro nigga nigger orgasm orgy
    paki penis piss porn porno prostitute prostitution pussy rape raped rapes raping rapist retard sex sexual sexually
    shit slut sodomy spic strangle strangled suicide suicidal tit tits tortured torture vagina wank whore
    behead beheaded corpse corpses decapitate dismember drunk drunken executed execution hanged heroin cocaine
    addict addiction addicts drug drugs narcotic narcotics promiscuity promiscuous terrorist terrorists
    kill killed killer killing kills naked nude stab stabbed slaughter slaughtered slave slaves
    """.split()
)

#: Not as a hidden word either: too grim, or a body part that children giggle at.
NO_HOOK = UNFIT | frozenset(
    """
    anal anus bum butt cum dead death die dick gun gut hell kill nipple pee pimp poo prick pube rum satan semen sin
    slave tit turd urine war womb wound devil drug hearse tomb grave bomb hit fat
    ion art man men cop sir lady cell end ore ass arc era
    """.split()
)
