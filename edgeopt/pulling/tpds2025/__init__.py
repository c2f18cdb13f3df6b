"""The setting of the authors' code of "Chasing Common Knowledge" (IEEE TPDS 2025), drawn anew from its distributions.

Facts are those of github.com/zhoulizhen/Algorithms_mec as of 2025; no line of it is used. A request stands at a home
cloudlet and takes one model there. Each model has a shareable part (two thirds of it), which every cloudlet with a
model of the same service type can send, and a remaining part, which those can send that hold the model itself.
"""
