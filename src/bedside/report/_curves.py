import numpy as np
from sklearn import metrics as M
def _thin(a, b, n=400):
    if len(a) <= n: return a, b
    k = np.unique(np.linspace(0, len(a)-1, n).astype(int)); return a[k], b[k]
def roc(t, s):
    f, p, _ = M.roc_curve(t, s); return _thin(f, p)
def precision_recall(t, s):
    p, r, _ = M.precision_recall_curve(t, s); return _thin(r, p)
def reliability(t, s, n=10):
    o = np.argsort(s, kind="stable"); g = [k for k in np.array_split(o, n) if len(k)]
    m = np.array([s[k].mean() for k in g]); p = np.array([t[k].mean() for k in g]); c = np.array([len(k) for k in g]); z=1.96
    ce = (p+z*z/2/c)/(1+z*z/c); h = z*np.sqrt(p*(1-p)/c+z*z/4/c/c)/(1+z*z/c)
    return m, p, ce-h, ce+h
