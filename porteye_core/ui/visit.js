// Remember when this browser last showed the page, in a cookie that holds this time and nothing else.
(() => {
    if (window.portEyeVisit) return;
    const secure = location.protocol === "https:" ? "; secure" : "";
    const remember = () => {
        if (document.visibilityState === "visible")
            document.cookie = `porteye_seen_${location.port}=${Date.now()}`
                + `; path=/; max-age=31536000; samesite=lax${secure}`;
    };
    window.portEyeVisit = setInterval(remember, 5000);
    document.addEventListener("visibilitychange", remember);
    remember();
})();
